"""GPyOpt's acquisitions, and the guide's name for the first: what ``acquisition=`` of `BayesianOptimization` takes."""

from jbo.compat.gpyopt._acquisitions import AcquisitionBase as AcquisitionBase
from jbo.compat.gpyopt._acquisitions import AcquisitionEI as AcquisitionEI
from jbo.compat.gpyopt._acquisitions import AcquisitionEI_MCMC as AcquisitionEI_MCMC
from jbo.compat.gpyopt._acquisitions import AcquisitionEntropySearch as AcquisitionEntropySearch
from jbo.compat.gpyopt._acquisitions import AcquisitionLCB as AcquisitionLCB
from jbo.compat.gpyopt._acquisitions import AcquisitionLCB_MCMC as AcquisitionLCB_MCMC
from jbo.compat.gpyopt._acquisitions import AcquisitionLP as AcquisitionLP
from jbo.compat.gpyopt._acquisitions import AcquisitionMPI as AcquisitionMPI
from jbo.compat.gpyopt._acquisitions import AcquisitionMPI_MCMC as AcquisitionMPI_MCMC
from jbo.compat.gpyopt._acquisitions import ExpectedImprovement as ExpectedImprovement
from jbo.compat.gpyopt._acquisitions import ModelAcquisition as ModelAcquisition
from jbo.compat.gpyopt._acquisitions import select_acquisition as select_acquisition
