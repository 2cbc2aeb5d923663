"""Colours of phases, and of what is none, alone so that another one makes no step run again."""

# Okabe and Ito's palette (2008), told apart by the colour-blind, in an order that gives pore the
# darkest and quartz the quietest colour.
PALETTE = (
    "#1b2a41", "#d9cfc1", "#e69f00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
    "#f0e442", "#7f7f7f", "#8c564b", "#17becf", "#bcbd22", "#9467bd", "#2ca02c", "#e377c2",
)  # fmt: skip
MIXED_COLOUR = "#ffffff"
OUTSIDE_COLOUR = "#e8e8e8"
