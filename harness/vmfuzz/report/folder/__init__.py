"""The report of a campaign's folder: page, JUnit, SARIF and a summary, from the folder alone."""
