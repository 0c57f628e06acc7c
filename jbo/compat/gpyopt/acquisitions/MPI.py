"""Where GPyOpt keeps `AcquisitionMPI`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionMPI as AcquisitionMPI
