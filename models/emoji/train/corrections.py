"""Which attributes a caption corrects: those that it states twice, the later time right."""
import re

# What a phrase between commas says; the first that fits counts. The thing, with or without a companion, comes first.
PHRASES = [
    ("style", r".* style"),
    ("background", r"on a .*background.*"),
    ("size", r"large|fairly large|medium|fairly small|small"),
    ("across", r"(in|on) the (centre|left|right|far left|far right)"),
    ("down", r"(in|at) the (middle|top|bottom|very top|very bottom)"),
    ("turn", r"upright|upside down.*|tilted .*|on its .* side"),
    ("mirrored", r"(not )?mirrored"),
    ("recoloured", r"its own colours|coloured .*"),
    ("treatment", r"in colour|greyscale|sepia|negative|pixelated|blurred|tinted .*"),
    ("frame", r".*framed in .*|without a frame"),
    ("tone", r".* skin"),
    ("shadow", r"with(out)? a (hard )?shadow"),
    ("beside", r"alone|beside an? .*"),
    ("thing", r"an? .*"),
]


def corrected(caption):
    """{"thing", "frame"} of “a dog, flat style, on a teal background, framed in red, a cat, without a frame”."""
    first, *others = caption.split(", ")
    said = [next(name for name, pattern in PHRASES if re.fullmatch(pattern, phrase)) for phrase in others]
    # Thing and companion are stated together, so what follows of them is a correction.
    return {name for name in said if said.count(name) > 1 or name in ("thing", "beside")}
