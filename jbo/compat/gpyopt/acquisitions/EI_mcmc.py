"""The module where GPyOpt defines `AcquisitionEI_MCMC`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEI_MCMC as AcquisitionEI_MCMC
