"""The paper's Table I in miniature: every row trained and asked for real, on drawn scenes whose causes are known.

    python -m experiments.table1 run --out DIR [--rows a,b] [--smoke]
    python -m experiments.table1 report --out DIR

`rows` says what a row is, the modules that it lists hold them, `plan` runs them, `state` remembers what is finished,
`stats` and `claims.yaml` judge the paper's orderings, `report` writes the page.
"""
