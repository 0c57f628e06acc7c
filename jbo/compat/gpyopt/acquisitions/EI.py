"""The module where GPyOpt defines `AcquisitionEI`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEI as AcquisitionEI
