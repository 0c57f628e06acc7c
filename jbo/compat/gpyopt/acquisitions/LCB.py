"""Where GPyOpt keeps `AcquisitionLCB`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionLCB as AcquisitionLCB
