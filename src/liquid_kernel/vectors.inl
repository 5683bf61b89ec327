// Vectors of numbers, aligned rows of them, and the functions that cells need of them.

template <class Real>
struct VectorOf {
  typedef Real type __attribute__((vector_size(32)));
};
template <class Real>
using Vector = typename VectorOf<Real>::type;
template <class Real>
constexpr int kLanes = 32 / sizeof(Real);

// A block of numbers that starts at a cache line, zero at first.
template <class Real>
class Block {
 public:
  Block() = default;
  explicit Block(std::size_t size) { resize(size); }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(data_); }

  // Keeps nothing of what was there when the size changes.
  void resize(std::size_t size) {
    if (size == size_) return;
    std::free(data_);
    const std::size_t bytes = (size * sizeof(Real) + 63) / 64 * 64;
    data_ = static_cast<Real*>(bytes ? std::aligned_alloc(64, bytes) : nullptr);
    if (bytes && !data_) throw std::bad_alloc();
    std::memset(data_, 0, bytes);
    size_ = size;
  }
  Real* data() { return data_; }
  const Real* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  Real* data_ = nullptr;
  std::size_t size_ = 0;
};

template <class Real>
inline Vector<Real> load(const Real* from) {
  Vector<Real> value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <class Real>
inline void store(Real* to, Vector<Real> value) {
  __builtin_memcpy(to, &value, sizeof value);
}

// exp(x) - 1 of x <= 0, to about 1 unit in the last place: x = n log 2 + r, |r| <= log(2) / 2,
// and the Taylor series of degree 7 in r, whose remainder is below 6e-9.
inline Vector<float> expm1_negative(Vector<float> x) {
  typedef int Whole __attribute__((vector_size(32)));
  x = x < -80.0f ? Vector<float>{} - 80.0f : x;
  const Vector<float> scaled = x * 1.44269504f - 0.5f;
  const Whole n = __builtin_convertvector(scaled, Whole);  // rounds towards 0: to nearest here
  const Vector<float> whole = __builtin_convertvector(n, Vector<float>);
  // log 2 in two parts, the first of few digits, so that the product is exact (Cody & Waite 1980).
  const Vector<float> r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Vector<float> p = r * (1.0f / 5040.0f) + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r * r + r;
  const Vector<float> power = (Vector<float>)((n + 127) << 23);
  return power * p + (power - 1.0f);
}

inline Vector<float> magnitude(Vector<float> x) {
  typedef int Whole __attribute__((vector_size(32)));
  return (Vector<float>)((Whole)x & 0x7fffffff);
}

inline Vector<float> with_sign_of(Vector<float> x, Vector<float> sign) {
  typedef int Whole __attribute__((vector_size(32)));
  return (Vector<float>)(((Whole)sign & (int)0x80000000) | (Whole)x);
}

inline Vector<float> tanh_of(Vector<float> x) {
  const Vector<float> e = expm1_negative(magnitude(x) * -2.0f);
  const Vector<float> t = with_sign_of(-e / (e + 2.0f), x);
  return x == x ? t : x;
}

inline Vector<float> sigmoid_of(Vector<float> x) {
  const Vector<float> e = expm1_negative(-magnitude(x)) + 1.0f;
  const Vector<float> small = e / (e + 1.0f);
  const Vector<float> s = x < 0.0f ? small : 1.0f - small;
  return x == x ? s : x;
}

inline Vector<double> expm1_negative(Vector<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::expm1(x[i]);
  return x;
}

inline Vector<double> tanh_of(Vector<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::tanh(x[i]);
  return x;
}

inline Vector<double> sigmoid_of(Vector<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = 1.0 / (1.0 + std::exp(-x[i]));
  return x;
}

// Weights of one linear layer, (in, padded out): a row is what one input adds to all outputs.
template <class Real>
struct Layer {
  int in = 0, row = 0;
  Block<Real> weights;

  void resize(int in_size, int row_size) {
    in = in_size, row = row_size;
    weights.resize(static_cast<std::size_t>(in) * row);
  }
  Real* at(int input) { return weights.data() + static_cast<std::size_t>(input) * row; }
};

// kRows x kColumns vectors of outputs, held in registers while the inputs go by.
template <class Real, int kRows, int kColumns>
inline void product_tile(const Real* x, std::size_t x_row, const Real* weights, std::size_t w_row,
                         int in, const Real* start, std::size_t start_row, Real* y,
                         std::size_t y_row) {
  constexpr int kWide = kLanes<Real>;
  Vector<Real> sum[kRows][kColumns];
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kColumns; ++c)
      sum[r][c] = start ? load(start + r * start_row + c * kWide) : Vector<Real>{};
  for (int i = 0; i < in; ++i) {
    const Real* w = weights + i * w_row;
    for (int c = 0; c < kColumns; ++c) {
      const Vector<Real> column = load(w + c * kWide);
      for (int r = 0; r < kRows; ++r) sum[r][c] += x[r * x_row + i] * column;
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kColumns; ++c) store(y + r * y_row + c * kWide, sum[r][c]);
}

template <class Real, int kRows, int kColumns>
inline int product_columns(const Real* x, std::size_t x_row, Layer<Real>& layer,
                           const Real* start, std::size_t start_row, Real* y, std::size_t y_row,
                           int column) {
  constexpr int kWide = kLanes<Real> * kColumns;
  for (; column + kWide <= layer.row; column += kWide)
    product_tile<Real, kRows, kColumns>(x, x_row, layer.weights.data() + column, layer.row,
                                        layer.in, start ? start + column : nullptr, start_row,
                                        y + column, y_row);
  return column;
}

// y = start + x W for `rows` rows; start may be null (zero), start_row 0 repeats one row.
template <class Real>
inline void product(int rows, const Real* x, std::size_t x_row, Layer<Real>& layer,
                    const Real* start, std::size_t start_row, Real* y, std::size_t y_row) {
  int r = 0;
  for (; r + 4 <= rows; r += 4) {
    const Real* from = start ? start + r * start_row : nullptr;
    int column = product_columns<Real, 4, 2>(x + r * x_row, x_row, layer, from, start_row,
                                             y + r * y_row, y_row, 0);
    product_columns<Real, 4, 1>(x + r * x_row, x_row, layer, from, start_row, y + r * y_row, y_row,
                                column);
  }
  for (; r < rows; ++r) {
    const Real* from = start ? start + r * start_row : nullptr;
    int column = product_columns<Real, 1, 8>(x + r * x_row, x_row, layer, from, start_row,
                                             y + r * y_row, y_row, 0);
    column = product_columns<Real, 1, 4>(x + r * x_row, x_row, layer, from, start_row,
                                         y + r * y_row, y_row, column);
    product_columns<Real, 1, 1>(x + r * x_row, x_row, layer, from, start_row, y + r * y_row, y_row,
                                column);
  }
}
