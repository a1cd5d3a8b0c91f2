"""What the pytest plugin does: traces as items, fixtures, reports. Imported when it is used."""
