from .compiling import kernel as kernel
from .soundness import finite as finite
from .soundness import misshapen as misshapen
from .soundness import shared_out as shared_out
