"""The module where GPyOpt defines `AcquisitionMPI_MCMC`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionMPI_MCMC as AcquisitionMPI_MCMC
