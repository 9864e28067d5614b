from .engine import Engine as Engine
from .kind import EngineSearch as EngineSearch
from .loaded import KeptLoaded as KeptLoaded
from .loaded import Loaded as Loaded
from .milvus import Milvus as Milvus
from .searching import EngineSearcher as EngineSearcher
