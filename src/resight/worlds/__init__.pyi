from .world import View as View
from .world import render_world as render_world
from .world import save_world as save_world
