"""The module where GPyOpt defines `AcquisitionBase`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionBase as AcquisitionBase
