"""The bug catalogue, and the switches that the model reads where upstream had the bug."""

from vmstore.faults.catalogue import CATALOGUE, FAULT_BY_ID
from vmstore.faults.flags import PLANTED, Faults, UnknownFault
from vmstore.faults.record import Fault

__all__ = ["CATALOGUE", "FAULT_BY_ID", "PLANTED", "Fault", "Faults", "UnknownFault"]
