"""Where GPyOpt keeps `BO`."""

from jbo.compat.gpyopt._bo import BO as BO
