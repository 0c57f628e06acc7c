"""Where GPyOpt keeps `AcquisitionEntropySearch`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEntropySearch as AcquisitionEntropySearch
