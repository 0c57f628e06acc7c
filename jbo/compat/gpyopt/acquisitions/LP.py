"""The module where GPyOpt defines `AcquisitionLP`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionLP as AcquisitionLP
