"""Trees walked node by node in plain Python: what `grow` promises of each split, and what a forest predicts."""

import numpy as np

WORD = 0xFFFFFFFF
GOLDEN = 0x9E3779B9


def mix(word):
    """The finaliser of MurmurHash3 (Appleby 2011)."""
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & WORD
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & WORD
    return word ^ (word >> 16)


def key_of_choice(salt, choice):
    return (mix(((salt ^ WORD) + GOLDEN * int(choice)) & WORD) >> 8) * 2.0**-24


def goes_first(salt, threshold, is_category, key):
    """Whether a point whose column has this key goes to the first child; NaN: the column is inactive."""
    if np.isnan(key):
        return salt % 2 == 0
    return (key_of_choice(salt, key) if is_category else key) <= threshold


def leaf_of(tree, keys, is_category):
    """Where one point ends in one tree."""
    node = 0
    while tree.child[node] != node:
        j = tree.column[node]
        first = goes_first(int(tree.salt[node]), tree.threshold[node], is_category[j], keys[j])
        node = tree.child[node] + (0 if first else 1)
    return node


def predict(forest, rows, y, points, is_category, min_variance):
    """Mean and variance at points: leaves grouped in dictionaries, the law of total variance, the nearest row.

    Args:
      forest: Trees, one axis of them.
      rows: Keys of the valid rows.
      y: Their values.
      points: Keys of the points.
      is_category: True for columns of categories.
      min_variance: Least variance of a leaf.
    """
    means, variances = [], []
    for tree in trees_of(forest):
        members = {}
        for row, value in zip(rows, y, strict=True):
            members.setdefault(leaf_of(tree, row, is_category), []).append(value)
        found = [members.get(leaf_of(tree, point, is_category), [0.0]) for point in points]
        means.append([np.mean(values) for values in found])
        variances.append([max(np.var(values), min_variance) for values in found])
    means, variances = np.array(means), np.array(variances)
    distance = np.array([min(distance_of(point, row, is_category) for row in rows) for point in points])
    # E[Var] + Var[E], the latter as a difference of moments.
    total = variances.mean(0) + (means**2).mean(0) - means.mean(0) ** 2
    return means.mean(0), total + 1 - np.exp(-distance)


def distance_of(point, row, is_category):
    gaps = []
    for a, b, c in zip(point, row, is_category, strict=True):
        if np.isnan(a) or np.isnan(b):
            gaps.append(0.0)
        else:
            gaps.append(float(a != b) if c else abs(a - b))
    return np.mean(gaps)


def trees_of(forest):
    """The trees one by one, as NumPy arrays."""
    forest = type(forest)(*(np.asarray(leaf) for leaf in forest))
    for i in range(forest.column.shape[0]):
        yield type(forest)(*(leaf[i] for leaf in forest))


def check_tree(tree, seed, keys, y, weight, is_category, min_samples_leaf, max_features):
    """Assert that a tree is the one that ``grow`` describes, by making all cuts of each node again.

    Args:
      tree: One tree.
      seed: Two words.
      keys: Keys of the rows, NaN where inactive.
      y: Values.
      weight: How often each row counts.
      is_category: True for columns of categories.
      min_samples_leaf: Least weight of a leaf.
      max_features: Number of columns that a split is chosen among.

    Returns:
      Number of splits.
    """
    d = keys.shape[1]
    level, next_node, num_splits, depth = [(0, np.flatnonzero(weight > 0))], 1, 0, 0
    while level:
        below = []
        for node, rows in level:
            salt = mix(mix((node + seed[0]) & WORD) ^ seed[1])
            words = [mix((salt + GOLDEN * (1 + j)) & WORD) for j in range(d)]
            cuts = {}
            for j in range(d):
                seen = np.array([key_of_choice(salt, k) if is_category[j] and k == k else k for k in keys[rows, j]])
                active = seen[~np.isnan(seen)]
                if len(active) == 0 or active.min() == active.max():
                    continue
                low, high = active.min(), active.max()
                threshold = low + (words[j] >> 12) * 2.0**-20 * (high - low)
                assert low <= threshold < high
                first = np.where(np.isnan(seen), salt % 2 == 0, seen <= threshold)
                cuts[j] = (threshold, first)
            order = sorted(cuts, key=lambda j: (words[j] & 0xFFF) * d + j)
            gains = {}
            for j in order[-max_features:]:
                first = cuts[j][1]
                w, v = weight[rows], y[rows]
                w1, w2 = w[first].sum(), w[~first].sum()
                if w1 >= min_samples_leaf and w2 >= min_samples_leaf:
                    means = (w[side] @ v[side] / w[side].sum() for side in (first, ~first))
                    gains[j] = w1 * w2 * (next(means) - next(means)) ** 2
            is_leaf = tree.child[node] == node
            may_split = weight[rows].sum() >= 2 * min_samples_leaf and np.ptp(y[rows]) > 0 and len(gains) > 0
            assert is_leaf != may_split, (node, rows, gains)
            if is_leaf:
                assert tree.threshold[node] == np.inf and tree.salt[node] == 0
                continue
            j = int(tree.column[node])
            best = max(gains.values())
            assert j in gains and gains[j] >= best * (1 - 2e-5) - 1e-9, (node, j, gains)
            same = [i for i in gains if (cuts[i][1] == cuts[j][1]).all() or (cuts[i][1] != cuts[j][1]).all()]
            assert words[j] & 0x7F == max(words[i] & 0x7F for i in same), "a draw decides between equal cuts"
            threshold, first = cuts[j]
            np.testing.assert_allclose(tree.threshold[node], threshold, rtol=1e-6)
            assert tree.child[node] == next_node and tree.salt[node] == salt
            below += [(next_node, rows[first]), (next_node + 1, rows[~first])]
            next_node += 2
            num_splits += 1
        depth += bool(below)
        level = below
    assert tree.depth == depth
    nodes = np.arange(len(tree.child))
    assert (tree.child[next_node:] == nodes[next_node:]).all(), "nodes that are not used are leaves"
    return num_splits
