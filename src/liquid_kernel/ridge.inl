// Ridge regressions side by side: see ridge.hpp.

class RidgeKernel final : public Ridge {
  using V = Vector<double>;
  static constexpr int kWide = kLanes<double>;

 public:
  void learn(const RidgeShape& shape, const double* memories, int rows, const double* phi,
             const double* residual, const double* ages, const double* counts,
             double* sums) override {
    const int features = shape.features, row = features + shape.outputs;
    const int used = gather(shape, rows, phi, residual, counts);
    for (int k = 0; k < shape.estimates; ++k) {
      double age = 0.0;
      for (int i = rows - 1, place = used; i >= 0; age += ages[i--])
        if (counts[i] != 0.0) factors_.data()[--place] = counts[i] * std::exp(-age / memories[k]);
      const double kept = std::exp(-age / memories[k]);
      for (int p = 0; p < features; ++p) {
        double* sum = sums + static_cast<std::size_t>(p) * row;
        for (int j = p; j < row; ++j) sum[j] *= kept;
        add_all(used, row, p, sum);
        for (int q = p + 1; q < features; ++q) sums[static_cast<std::size_t>(q) * row + p] = sum[q];
      }
      sums += static_cast<std::size_t>(features) * row;
    }
  }

  void solve(const RidgeShape& shape, const double* strengths, const double* prior, double jitter,
             const double* sums, int rows, const double* phi, const double* residual,
             const double* counts, double* corrections) override {
    const int features = shape.features, outputs = shape.outputs, row = features + outputs;
    const std::size_t size = static_cast<std::size_t>(features) * row;
    make_room(system_, size);
    const int used = gather(shape, rows, phi, residual, counts);
    for (int i = 0, place = 0; i < rows; ++i)
      if (counts[i] != 0.0) factors_.data()[place++] = counts[i];
    for (int k = 0; k < shape.estimates; ++k, sums += size) {
      for (int p = 0; p < features; ++p) {
        double* to = system_.data() + static_cast<std::size_t>(p) * row;
        const double* from = sums + static_cast<std::size_t>(p) * row;
        const double* held = prior + static_cast<std::size_t>(p) * features;
        for (int j = p; j < features; ++j) to[j] = from[j] + strengths[k] * held[j];
        __builtin_memcpy(to + features, from + features, outputs * sizeof(double));
        add_all(used, row, p, to);
        to[p] += jitter;
      }
      eliminate(features, row, jitter);
      substitute(features, outputs, corrections);
      corrections += static_cast<std::size_t>(features) * outputs;
    }
  }

  void project(int features, int coordinates, const double* directions, const double* phi,
               double* projected) const override {
    for (int k = 0; k < coordinates; ++k) projected[k] = 0.0;
    add_multiples(features, [&](int p) { return phi[p]; }, directions, coordinates, coordinates,
                  projected);
  }

 private:
  static void make_room(Block<double>& block, std::size_t size) {
    if (block.size() < size) block.resize(size);
  }

  // Each sample that counts beside what it leaves: each row of the sums is one of its multiples,
  // and the products of features are symmetric. Returns how many there are.
  int gather(const RidgeShape& shape, int rows, const double* phi, const double* residual,
             const double* counts) {
    const int features = shape.features, outputs = shape.outputs, row = features + outputs;
    make_room(samples_, static_cast<std::size_t>(rows) * row);
    make_room(factors_, rows);
    int used = 0;
    for (int i = 0; i < rows; ++i) {
      if (counts[i] == 0.0) continue;
      double* sample = samples_.data() + static_cast<std::size_t>(used++) * row;
      __builtin_memcpy(sample, phi + static_cast<std::size_t>(i) * features,
                       features * sizeof(double));
      __builtin_memcpy(sample + features, residual + static_cast<std::size_t>(i) * outputs,
                       outputs * sizeof(double));
    }
    return used;
  }

  // Adds the multiples of all samples that belong to row p, from its diagonal on.
  void add_all(int samples, int row, int p, double* sum) const {
    const double* sample = samples_.data() + p;
    const auto factor = [&](int i) {
      return factors_.data()[i] * sample[static_cast<std::size_t>(i) * row];
    };
    add_multiples(samples, factor, sample, row, row - p, sum + p);
  }

  // Adds factor(i) times row i to the sum, for all rows; four at a time, so that the sum is read and
  // written less often.
  template <class Factor>
  static void add_multiples(int rows, const Factor& factor, const double* from, int stride,
                            int size, double* sum) {
    int i = 0;
    for (; i + 4 <= rows; i += 4, from += 4 * static_cast<std::size_t>(stride)) {
      const double *one = from, *two = one + stride, *three = two + stride, *four = three + stride;
      const double a = factor(i), b = factor(i + 1), c = factor(i + 2), d = factor(i + 3);
      int j = 0;
      for (; j + kWide <= size; j += kWide)
        store(sum + j, load(sum + j) + a * load(one + j) + b * load(two + j) + c * load(three + j) +
                           d * load(four + j));
      for (; j < size; ++j) sum[j] += a * one[j] + b * two[j] + c * three[j] + d * four[j];
    }
    for (; i < rows; ++i, from += stride) add(factor(i), from, size, sum);
  }

  static void add(double factor, const double* from, int size, double* to) {
    int j = 0;
    for (; j + kWide <= size; j += kWide) store(to + j, load(to + j) + factor * load(from + j));
    for (; j < size; ++j) to[j] += factor * from[j];
  }

  // Gauss on the upper triangle, the right-hand sides beside it; the system is symmetric, so what
  // would be below the diagonal is known. Four pivots at a time.
  void eliminate(int features, int row, double smallest) {
    const auto at = [&](int p, int q) {
      return system_.data() + static_cast<std::size_t>(p) * row + q;
    };
    for (int first = 0; first < features; first += 4) {
      const int after = first + 4 < features ? first + 4 : features;
      for (int p = first; p < after; ++p) {
        double* pivot = at(p, p);
        *pivot = std::fmax(*pivot, smallest);  // where rounding took it below
        for (int q = p + 1; q < after; ++q)
          add(-*at(p, q) / *pivot, at(p, q), row - q, at(q, q));
      }
      for (int q = after; q < features; ++q) {
        const auto factor = [&](int i) { return -*at(first + i, q) / *at(first + i, first + i); };
        add_multiples(after - first, factor, at(first, q), row, row - q, at(q, q));
      }
    }
  }

  void substitute(int features, int outputs, double* solution) {
    const int row = features + outputs;
    for (int p = features - 1; p >= 0; --p) {
      const double* upper = system_.data() + static_cast<std::size_t>(p) * row;
      double* x = solution + static_cast<std::size_t>(p) * outputs;
      __builtin_memcpy(x, upper + features, outputs * sizeof(double));
      for (int q = p + 1; q < features; ++q)
        add(-upper[q], solution + static_cast<std::size_t>(q) * outputs, outputs, x);
      for (int o = 0; o < outputs; ++o) x[o] /= upper[p];
    }
  }

  Block<double> samples_, factors_, system_;
};
