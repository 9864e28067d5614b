"""How each method comes by its frozen arrays, and with them to a channel: one file for each family.

`contract` is what a family tells of itself, `methods` says which method is of which. Nothing else knows the families,
and importing them imports no torch.
"""
