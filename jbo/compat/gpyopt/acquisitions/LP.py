"""Where GPyOpt keeps `AcquisitionLP`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionLP as AcquisitionLP
