"""The module where GPyOpt defines `AcquisitionEntropySearch`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionEntropySearch as AcquisitionEntropySearch
