from .evidence import Evidence as Evidence
from .model import believed as believed
from .model import model_of as model_of
