// Ridge regressions side by side: see ridge.hpp.

class RidgeKernel final : public Ridge {
  using V = Vector<double>;
  static constexpr int kWide = kLanes<double>;

 public:
  void learn(const RidgeShape& shape, const double* memories, int rows, const double* phi,
             const double* residual, const double* ages, const double* counts,
             double* sums) override {
    const int features = shape.features, outputs = shape.outputs, row = features + outputs;
    // A sample beside what it leaves: each row of the sums is one of its multiples. The products
    // of features are symmetric.
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
             const double* sums, double* corrections) override {
    const int features = shape.features, outputs = shape.outputs, row = features + outputs;
    const std::size_t size = static_cast<std::size_t>(features) * row;
    make_room(system_, size);
    for (int k = 0; k < shape.estimates; ++k, sums += size) {
      for (int p = 0; p < features; ++p) {
        double* to = system_.data() + static_cast<std::size_t>(p) * row;
        const double* from = sums + static_cast<std::size_t>(p) * row;
        const double* held = prior + static_cast<std::size_t>(p) * features;
        for (int j = p; j < features; ++j) to[j] = from[j] + strengths[k] * held[j];
        __builtin_memcpy(to + features, from + features, outputs * sizeof(double));
        to[p] += jitter;
      }
      eliminate(features, row, jitter);
      substitute(features, outputs, corrections);
      corrections += static_cast<std::size_t>(features) * outputs;
    }
  }

 private:
  static void make_room(Block<double>& block, std::size_t size) {
    if (block.size() < size) block.resize(size);
  }

  // Adds the multiples of all samples that belong to row p, from its diagonal on; four at a time,
  // so that the row is read and written less often.
  void add_all(int samples, int row, int p, double* sum) const {
    const double *sample = samples_.data() + p, *factor = factors_.data();
    int i = 0;
    for (; i + 4 <= samples; i += 4, sample += 4 * row) {
      const double *one = sample, *two = one + row, *three = two + row, *four = three + row;
      const double a = factor[i] * *one, b = factor[i + 1] * *two;
      const double c = factor[i + 2] * *three, d = factor[i + 3] * *four;
      int j = 0;
      for (; j + kWide <= row - p; j += kWide)
        store(sum + p + j, load(sum + p + j) + a * load(one + j) + b * load(two + j) +
                               c * load(three + j) + d * load(four + j));
      for (; j < row - p; ++j) sum[p + j] += a * one[j] + b * two[j] + c * three[j] + d * four[j];
    }
    for (; i < samples; ++i, sample += row) add(factor[i] * *sample, sample, row - p, sum + p);
  }

  static void add(double factor, const double* from, int size, double* to) {
    int j = 0;
    for (; j + kWide <= size; j += kWide) store(to + j, load(to + j) + factor * load(from + j));
    for (; j < size; ++j) to[j] += factor * from[j];
  }

  // Gauss on the upper triangle, the right-hand sides beside it; the system is symmetric, so what
  // would be below the diagonal is known.
  void eliminate(int features, int row, double smallest) {
    for (int p = 0; p < features; ++p) {
      double* pivot = system_.data() + static_cast<std::size_t>(p) * row;
      pivot[p] = std::fmax(pivot[p], smallest);  // where rounding took it below
      for (int q = p + 1; q < features; ++q)
        add(-pivot[q] / pivot[p], pivot + q, row - q,
            system_.data() + static_cast<std::size_t>(q) * row + q);
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
