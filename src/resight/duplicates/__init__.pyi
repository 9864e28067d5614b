from .agreement import Agreement as Agreement
from .grouping import Bond as Bond
from .grouping import connected as connected
from .report import DuplicateGroup as DuplicateGroup
from .report import DuplicateLink as DuplicateLink
from .report import DuplicatePhoto as DuplicatePhoto
from .report import Duplicates as Duplicates
from .verdict import is_near as is_near
