// The cells: from state and drive to what the solvers need, and back.
//
// An ODE cell answers with decay d and gain g of dh/dt = g - d h. The equations are in
// liquid_adapt_ros/lnn/cells/, one file each.

// LeCun's scaled tanh (Efficient BackProp, 1998) as CfC uses it.
constexpr double kLecunScale = 1.7159, kLecunSlope = 0.666;

template <class Real>
class CellEvaluator {
  using V = Vector<Real>;
  static constexpr int kWide = kLanes<Real>;

 public:
  CellEvaluator(const Shape& shape, const Weights<Real>& weights) : shape_(shape) {
    const int hidden = shape.hidden, layer = shape.layer();
    const int state_row = shape.state_row(), unit_row = padded(layer);
    recurrent_.resize(hidden, shape.layer_row());
    recurrent_back_.resize(shape.layer_row(), state_row);
    for (int segment = 0; segment < shape.layer_segments(); ++segment)
      for (int unit = 0; unit < layer; ++unit)
        for (int i = 0; i < hidden; ++i) {
          const int place = segment * unit_row + unit;
          const std::size_t from = static_cast<std::size_t>(segment) * layer + unit;
          const Real w = weights.recurrent[from * hidden + i];
          recurrent_.at(i)[place] = recurrent_back_.at(place)[i] = w;
        }
    output_.resize(shape.post_segments() ? layer : 0, shape.post_row());
    output_back_.resize(shape.post_row(), shape.post_segments() ? unit_row : 0);
    output_bias_.resize(shape.post_row());
    for (int segment = 0; segment < shape.post_segments(); ++segment)
      for (int unit = 0; unit < hidden; ++unit) {
        const int place = segment * state_row + unit, from = segment * hidden + unit;
        output_bias_.data()[place] = weights.output_bias[from];
        for (int i = 0; i < layer; ++i) {
          const Real w = weights.output[static_cast<std::size_t>(from) * layer + i];
          output_.at(i)[place] = output_back_.at(place)[i] = w;
        }
      }
    fastest_decay_ = weights.fastest_decay;
    log_tau_range_ = weights.log_tau_range;
    keep(decay_, weights.decay, 1);  // the solvers divide by it
    keep(conductance_, weights.conductance, 0);
    keep(reversal_, weights.reversal, 0);
  }

  const Shape& shape() const { return shape_; }
  bool decay_is_constant() const { return shape_.cell == Cell::kLiquidOde; }
  const Real* constant_decay() const { return decay_.data(); }

  // layer and post, (batch, row) each, from state and drive; `dts` (batch) counts in a CfC only.
  void evaluate(int batch, const Real* state, const Real* drive, const Real* dts, Real* layer,
                Real* post) {
    const int row = shape_.layer_row();
    product(batch, state, shape_.state_row(), recurrent_, drive, row, layer, row);
    const int segments = shape_.layer_segments(), unit_row = row / segments;
    for (int b = 0; b < batch; ++b) {
      Real* units = layer + static_cast<std::size_t>(b) * row;
      switch (shape_.cell) {
        case Cell::kLiquidTau:
          each(unit_row, [&](int i) {
            store(units + unit_row + i, sigmoid_of(load(units + unit_row + i)));
          });
          [[fallthrough]];
        case Cell::kLiquidOde:
          each(unit_row, [&](int i) { store(units + i, tanh_of(load(units + i))); });
          break;
        case Cell::kLtc:
          each(unit_row, [&](int i) { store(units + i, sigmoid_of(load(units + i))); });
          break;
        case Cell::kCfc:
          each(unit_row, [&](int i) {
            store(units + i, tanh_of(load(units + i) * Real(kLecunSlope)) * Real(kLecunScale));
          });
      }
    }
    if (!shape_.post_segments()) return;
    product(batch, layer, row, output_, output_bias_.data(), 0, post, shape_.post_row());
    if (shape_.cell == Cell::kCfc) gate(batch, dts, post);
  }

  // Decay and gain (batch, state_row) of an ODE cell that was evaluated; decay stays untouched
  // where it is constant.
  void rates(int batch, const Real* layer, const Real* post, Real* decay, Real* gain) const {
    const int n = shape_.state_row(), row = shape_.layer_row();
    for (int b = 0; b < batch; ++b, layer += row, post += shape_.post_row(), decay += n, gain += n) {
      switch (shape_.cell) {
        case Cell::kLtc:
          each(n, [&](int i) {
            const V open = load(layer + i) * load(conductance_.data() + i);
            store(decay + i, load(decay_.data() + i) + open);
            store(gain + i, open * load(reversal_.data() + i));
          });
          break;
        case Cell::kLiquidTau:
          each(n, [&](int i) {
            const V e = expm1_negative(load(layer + n + i) * -log_tau_range_);
            store(decay + i, (e + Real(1)) * fastest_decay_);
          });
          [[fallthrough]];
        default:
          __builtin_memcpy(gain, post, n * sizeof(Real));
      }
    }
  }

  // From the cotangents of decay and gain (batch, state_row) to those of the layers' arguments
  // and, added to `state`, of the state. `spare`: (batch, layer_row).
  void rates_back(int batch, const Real* layer, const Real* decay, const Real* decay_back,
                  const Real* gain_back, Real* layer_back, Real* post_back, Real* state_back,
                  Real* spare, VectorGradients<Real> vectors) {
    const int n = shape_.state_row(), row = shape_.layer_row();
    if (shape_.cell == Cell::kLtc) {
      for (int b = 0; b < batch; ++b) {
        const std::size_t s = static_cast<std::size_t>(b) * n;
        each(n, [&](int i) {
          const V f = load(layer + s + i), conductance = load(conductance_.data() + i);
          const V reversal = load(reversal_.data() + i), g = load(gain_back + s + i);
          const V d = load(decay_back + s + i), open = d + g * reversal;
          store(layer_back + s + i, conductance * open * f * (Real(1) - f));
          add(vectors.decay + i, d);
          add(vectors.conductance + i, f * open);
          add(vectors.reversal + i, g * f * conductance);
        });
      }
    } else {
      __builtin_memcpy(post_back, gain_back, static_cast<std::size_t>(batch) * n * sizeof(Real));
      product<Real>(batch, post_back, n, output_back_, nullptr, 0, spare, n);
      for (int b = 0; b < batch; ++b) {
        const Real* units = layer + static_cast<std::size_t>(b) * row;
        Real* units_back = layer_back + static_cast<std::size_t>(b) * row;
        const std::size_t s = static_cast<std::size_t>(b) * n;
        each(n, [&](int i) {
          const V a = load(units + i);
          store(units_back + i, load(spare + s + i) * (Real(1) - a * a));
        });
        if (shape_.cell == Cell::kLiquidTau) {
          each(n, [&](int i) {
            const V share = load(units + n + i);
            const V back = load(decay_back + s + i) * load(decay + s + i) * -log_tau_range_;
            store(units_back + n + i, back * share * (Real(1) - share));
          });
        } else {
          each(n, [&](int i) { add(vectors.decay + i, load(decay_back + s + i)); });
        }
      }
    }
    product(batch, layer_back, row, recurrent_back_, state_back, n, state_back, n);
  }

  // CfC: the next state from its gates.
  void blend(int batch, const Real* post, Real* next) const {
    const int n = shape_.state_row();
    for (int b = 0; b < batch; ++b, post += 4 * n, next += n)
      each(n, [&](int i) {
        const V first = load(post + i), second = load(post + n + i), t = load(post + 2 * n + i);
        store(next + i, first + t * (second - first));
      });
  }

  // CfC: from the cotangent of the next state to those of the layers' arguments and the state.
  void blend_back(int batch, const Real* layer, const Real* post, const Real* dts,
                  const Real* next_back, Real* layer_back, Real* post_back, Real* state_back) {
    const int n = shape_.state_row(), row = shape_.layer_row();
    for (int b = 0; b < batch; ++b) {
      const Real* p = post + static_cast<std::size_t>(b) * 4 * n;
      const Real* back = next_back + static_cast<std::size_t>(b) * n;
      Real* q = post_back + static_cast<std::size_t>(b) * 4 * n;
      const Real dt = dts[b];
      each(n, [&](int i) {
        const V first = load(p + i), second = load(p + n + i), t = load(p + 2 * n + i);
        const V h = load(back + i), gate = h * (second - first) * t * (Real(1) - t);
        store(q + i, h * (Real(1) - t) * (Real(1) - first * first));
        store(q + n + i, h * t * (Real(1) - second * second));
        store(q + 2 * n + i, gate * dt);
        store(q + 3 * n + i, gate);
      });
    }
    product<Real>(batch, post_back, 4 * n, output_back_, nullptr, 0, layer_back, row);
    const std::size_t units = static_cast<std::size_t>(batch) * row;
    each(units, [&](std::size_t i) {
      const V a = load(layer + i);
      const V slope = (Real(kLecunScale) - a * a * Real(1 / kLecunScale)) * Real(kLecunSlope);
      store(layer_back + i, load(layer_back + i) * slope);
    });
    product<Real>(batch, layer_back, row, recurrent_back_, nullptr, 0, state_back, n);
  }

 private:
  template <class Size, class Body>
  static inline void each(Size size, Body body) {
    for (Size i = 0; i < size; i += kWide) body(i);
  }
  static inline void add(Real* to, V value) { store(to, load(to) + value); }

  void keep(Block<Real>& block, const Real* from, Real padding) {
    block.resize(shape_.state_row());
    for (int i = 0; i < shape_.state_row(); ++i)
      block.data()[i] = from && i < shape_.hidden ? from[i] : padding;
  }

  void gate(int batch, const Real* dts, Real* post) const {
    const int n = shape_.state_row();
    for (int b = 0; b < batch; ++b, post += 4 * n) {
      const Real dt = dts[b];
      each(2 * n, [&](int i) { store(post + i, tanh_of(load(post + i))); });
      each(n, [&](int i) {
        store(post + 2 * n + i, sigmoid_of(load(post + 2 * n + i) * dt + load(post + 3 * n + i)));
      });
    }
  }

  Shape shape_;
  Layer<Real> recurrent_, recurrent_back_, output_, output_back_;
  Block<Real> output_bias_, decay_, conductance_, reversal_;
  Real fastest_decay_, log_tau_range_;
};
