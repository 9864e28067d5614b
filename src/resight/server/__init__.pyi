from .app import create_app as create_app
from .service import Service as Service
from .settings import Settings as Settings
