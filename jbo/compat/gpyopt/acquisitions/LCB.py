"""The module where GPyOpt defines `AcquisitionLCB`."""

from jbo.compat.gpyopt._acquisitions import AcquisitionLCB as AcquisitionLCB
