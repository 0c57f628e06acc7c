"""Where GPyOpt keeps `AcquisitionEI_MCMC`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEI_MCMC as AcquisitionEI_MCMC
