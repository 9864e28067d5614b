"""What a channel of a recipe does to photos: features, what an index holds of them, how it is searched.

One file for each layout: `vectors`, `regions`, `words` (inverted file), `descriptors` (exhaustive matching).
"""
