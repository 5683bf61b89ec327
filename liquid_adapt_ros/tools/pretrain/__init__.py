"""From nothing to the shipped model: `python -m liquid_adapt_ros.tools.pretrain`.

Four stages, each in a file of its own and each skipped when its inputs have not changed:
record episodes (`dataset`), train the encoder (`train_encoder`, then `export`), train core and
head on its embeddings (`train_policy`), measure the result on episodes nobody trained on
(`evaluate`, `model_card`).
"""
