"""The module where GPyOpt defines `AcquisitionLCB_MCMC`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionLCB_MCMC as AcquisitionLCB_MCMC
