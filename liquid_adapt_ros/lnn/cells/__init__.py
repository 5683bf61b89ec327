"""The cells, one file each; base.py says what a cell must bring."""

from liquid_adapt_ros.lnn.cells.base import Cell
from liquid_adapt_ros.lnn.cells.cfc import Cfc
from liquid_adapt_ros.lnn.cells.liquid_ode import LiquidOde
from liquid_adapt_ros.lnn.cells.liquid_tau import LiquidTau
from liquid_adapt_ros.lnn.cells.ltc import Ltc

CELLS: dict[str, Cell] = {cell.name: cell for cell in (LiquidOde(), LiquidTau(), Ltc(), Cfc())}
