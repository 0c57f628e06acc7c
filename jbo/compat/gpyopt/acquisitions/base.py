"""Where GPyOpt keeps `AcquisitionBase`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionBase as AcquisitionBase
