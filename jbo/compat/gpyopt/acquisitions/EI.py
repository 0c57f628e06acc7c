"""Where GPyOpt keeps `AcquisitionEI`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEI as AcquisitionEI
