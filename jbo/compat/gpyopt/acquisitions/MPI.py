"""The module where GPyOpt defines `AcquisitionMPI`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionMPI as AcquisitionMPI
