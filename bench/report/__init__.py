"""The report: tables, figures and verdicts from records alone. `bench.report.page.build` writes it."""
