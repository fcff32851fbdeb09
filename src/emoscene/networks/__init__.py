"""Networks that transformers does not have, one readable file each: the EMOTIC CNN, ViLBERT and Unified-VLP.

shapes       what a network looks like, as plain data        layers   attention and feed-forward, as in BERT
towers       any vision tower of transformers as a grid      regions  a picture as regions; the person is region 0
emotic_cnn   person and picture, fused                       words    text as tokens
vilbert      two streams with co-attention                   examples one person as arrays, many as a batch
unified_vlp  one stream, two masks                           network  eyes and network in one; saved and loaded
published    names of published checkpoints -> ours
"""
