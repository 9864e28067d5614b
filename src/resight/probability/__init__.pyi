from .model import believed as believed
from .model import calibrated_model as calibrated_model
from .predictors import Predictors as Predictors
