// The solvers: one sample forward, and back through the same evaluations in reverse. The equations
// and their sources are in liquid_adapt_ros/lnn/solvers/, one file each.

// (1 - exp(-z)) / z and its derivative, for z > 0; the derivative cancels for small z, where its
// series (Hochbruck & Ostermann, Acta Numerica 2010, eq. 2.11) takes over.
template <class V>
inline V phi(V z) {
  return -expm1_negative(-z) / z;
}

template <class V>
inline V phi_slope(V z) {
  using Real = std::remove_reference_t<decltype(z[0])>;
  const V difference = (expm1_negative(-z) + Real(1) - phi(z)) / z;
  V series = z * Real(1.0 / 453600) - Real(1.0 / 45360);
  series = series * z + Real(1.0 / 5760);
  series = series * z - Real(1.0 / 840);
  series = series * z + Real(1.0 / 144);
  series = series * z - Real(1.0 / 30);
  series = series * z + Real(1.0 / 8);
  series = series * z - Real(1.0 / 3);
  series = series * z + Real(1.0 / 2);
  return z < Real(sizeof(Real) == 4 ? 0.5 : 0.02) ? -series : difference;
}

// Classic tableau (Kutta 1901; Hairer, Norsett & Wanner, Solving ODEs I, table II.1.2).
constexpr double kRkReach[4] = {0.0, 0.5, 0.5, 1.0};
constexpr double kRkWeight[4] = {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0};

template <class Real>
class SolverCore final : public Core<Real> {
  using V = Vector<Real>;
  static constexpr int kWide = kLanes<Real>;

 public:
  SolverCore(const Shape& shape, const Weights<Real>& weights) : cell_(shape, weights) {}

  void forward(int time, int batch, const Real* drive, const Real* dts, Real* states,
               Trace<Real> trace) override {
    prepare(batch);
    const Shape& shape = cell_.shape();
    const std::size_t state_size = size(shape.state_row()), layer_size = size(shape.layer_row());
    const std::size_t post_size = size(shape.post_row());
    const int evaluations = shape.evaluations(), stages = shape.stages();
    const bool keeps = trace.states != nullptr;
    for (int t = 0; t < time; ++t) {
      set_step(dts + static_cast<std::size_t>(t) * batch);
      Real* next = states + (t + 1) * state_size;
      __builtin_memcpy(next, states + t * state_size, state_size * sizeof(Real));
      for (int e = 0; e < evaluations; e += stages) {
        Trace<Real> here{scratch_states_.data(), scratch_layer_.data(), scratch_post_.data()};
        if (keeps) here = at(trace, t * evaluations + e, state_size, layer_size, post_size);
        advance(drive + t * layer_size, here, keeps, next);
      }
    }
  }

  void backward(int time, int batch, const Real* dts, const Real* states, Trace<Real> trace,
                const Real* state_gradients, Real* layer_gradients, Real* post_gradients,
                Real* start_gradient, VectorGradients<Real> vectors) override {
    prepare(batch);
    const Shape& shape = cell_.shape();
    const std::size_t state_size = size(shape.state_row()), layer_size = size(shape.layer_row());
    const std::size_t post_size = size(shape.post_row());
    const int evaluations = shape.evaluations(), stages = shape.stages();
    Real* back = start_gradient;
    __builtin_memset(back, 0, state_size * sizeof(Real));
    for (int t = time - 1; t >= 0; --t) {
      set_step(dts + static_cast<std::size_t>(t) * batch);
      add_to(back, state_gradients + t * state_size);
      for (int e = evaluations - stages; e >= 0; e -= stages) {
        const std::size_t index = static_cast<std::size_t>(t) * evaluations + e;
        const Real* next = e + stages < evaluations ? trace.states + (index + stages) * state_size
                                                    : states + (t + 1) * state_size;
        retreat(at(trace, index, state_size, layer_size, post_size), next,
                layer_gradients + index * layer_size, post_gradients + index * post_size, back,
                vectors);
      }
    }
  }

 private:
  std::size_t size(int row) const { return static_cast<std::size_t>(batch_) * row; }

  static Trace<Real> at(Trace<Real> trace, std::size_t evaluation, std::size_t state_size,
                        std::size_t layer_size, std::size_t post_size) {
    return {trace.states + evaluation * state_size, trace.layer + evaluation * layer_size,
            trace.post + evaluation * post_size};
  }

  void prepare(int batch) {
    if (batch == batch_) return;
    batch_ = batch;
    const Shape& shape = cell_.shape();
    const std::size_t state_size = size(shape.state_row());
    dts_.resize(batch);
    scratch_states_.resize(state_size);
    scratch_layer_.resize(size(shape.layer_row()));
    scratch_post_.resize(size(shape.post_row()));
    for (Block<Real>* block : {&dt_, &decay_, &gain_, &rate_, &sum_, &shrink_, &reach_,
                               &shrink_slope_, &reach_slope_, &gain_back_, &decay_back_,
                               &state_back_})
      block->resize(state_size);
    spare_.resize(state_size);
    if (cell_.decay_is_constant())
      for (int b = 0; b < batch; ++b)
        __builtin_memcpy(decay_.data() + b * shape.state_row(), cell_.constant_decay(),
                         shape.state_row() * sizeof(Real));
    for (int b = 0; b < batch; ++b) dts_.data()[b] = Real(-1);
  }

  // dts: (batch) [s], time from sample to sample. What depends on it alone is kept.
  void set_step(const Real* dts) {
    bool changed = false;
    for (int b = 0; b < batch_; ++b) {
      const Real dt = dts[b] / cell_.shape().substeps;
      changed = changed || dt != dts_.data()[b];
      dts_.data()[b] = dt;
    }
    if (!changed) return;
    const int n = cell_.shape().state_row();
    for (int b = 0; b < batch_; ++b)
      for (int i = 0; i < n; ++i) dt_.data()[b * n + i] = dts_.data()[b];
    if (cell_.decay_is_constant() && cell_.shape().solver == Solver::kExponential) set_shrink();
  }

  // Of the exponential solver: exp(-d dt), dt phi(d dt), and their derivatives by d.
  void set_shrink() {
    each([&](std::size_t i) {
      const V dt = load(dt_.data() + i), z = load(decay_.data() + i) * dt;
      const V shrink = expm1_negative(-z) + Real(1);
      store(shrink_.data() + i, shrink);
      store(reach_.data() + i, dt * phi(z));
      store(shrink_slope_.data() + i, -dt * shrink);
      store(reach_slope_.data() + i, dt * dt * phi_slope(z));
    });
  }

  // One step of the solver; `state` is where it starts and, afterwards, where it ends.
  void advance(const Real* drive, Trace<Real> trace, bool keeps, Real* state) {
    const Shape& shape = cell_.shape();
    __builtin_memcpy(trace.states, state, size(shape.state_row()) * sizeof(Real));
    if (shape.solver == Solver::kRk4) {
      advance_rk4(drive, trace, keeps, state);
      return;
    }
    cell_.evaluate(batch_, state, drive, dts_.data(), trace.layer, trace.post);
    if (shape.solver == Solver::kClosedForm) {
      cell_.blend(batch_, trace.post, state);
      return;
    }
    cell_.rates(batch_, trace.layer, trace.post, decay_.data(), gain_.data());
    const Real *decay = decay_.data(), *gain = gain_.data(), *dts = dt_.data();
    switch (shape.solver) {
      case Solver::kEuler:
        each([&](std::size_t i) {
          const V h = load(state + i);
          store(state + i, h + load(dts + i) * (load(gain + i) - load(decay + i) * h));
        });
        break;
      case Solver::kFused:
        each([&](std::size_t i) {
          const V dt = load(dts + i);
          store(state + i, (load(state + i) + dt * load(gain + i)) /
                               (dt * load(decay + i) + Real(1)));
        });
        break;
      default:
        if (!cell_.decay_is_constant()) set_shrink();
        each([&](std::size_t i) {
          store(state + i, load(shrink_.data() + i) * load(state + i) +
                               load(reach_.data() + i) * load(gain + i));
        });
    }
  }

  void advance_rk4(const Real* drive, Trace<Real> trace, bool keeps, Real* state) {
    const Shape& shape = cell_.shape();
    const std::size_t state_size = keeps ? size(shape.state_row()) : 0;
    const std::size_t layer_size = keeps ? size(shape.layer_row()) : 0;
    const std::size_t post_size = keeps ? size(shape.post_row()) : 0;
    const Real *dts = dt_.data(), *decay = decay_.data(), *gain = gain_.data();
    Real *rate = rate_.data(), *sum = sum_.data();
    for (int stage = 0; stage < 4; ++stage) {
      Real* here = trace.states + stage * state_size;
      const Real reach = Real(kRkReach[stage]), weight = Real(kRkWeight[stage]);
      if (stage)
        each([&](std::size_t i) {
          store(here + i, load(state + i) + load(dts + i) * reach * load(rate + i));
        });
      Real* layer = trace.layer + stage * layer_size;
      Real* post = trace.post + stage * post_size;
      cell_.evaluate(batch_, here, drive, dts_.data(), layer, post);
      cell_.rates(batch_, layer, post, decay_.data(), gain_.data());
      each([&](std::size_t i) {
        const V k = load(gain + i) - load(decay + i) * load(here + i);
        store(rate + i, k);
        store(sum + i, stage ? load(sum + i) + weight * k : weight * k);
      });
    }
    each([&](std::size_t i) {
      store(state + i, load(state + i) + load(dts + i) * load(sum + i));
    });
  }

  // Back through one step; `back` is the cotangent of its end and, afterwards, of its start.
  void retreat(Trace<Real> trace, const Real* next, Real* layer_back, Real* post_back, Real* back,
               VectorGradients<Real> vectors) {
    const Shape& shape = cell_.shape();
    if (shape.solver == Solver::kRk4) {
      retreat_rk4(trace, layer_back, post_back, back, vectors);
      return;
    }
    if (shape.solver == Solver::kClosedForm) {
      cell_.blend_back(batch_, trace.layer, trace.post, dts_.data(), back, layer_back, post_back,
                       state_back_.data());
      __builtin_memcpy(back, state_back_.data(), size(shape.state_row()) * sizeof(Real));
      return;
    }
    cell_.rates(batch_, trace.layer, trace.post, decay_.data(), gain_.data());
    const Real *decay = decay_.data(), *gain = gain_.data(), *dts = dt_.data();
    const Real* start = trace.states;
    Real *gain_back = gain_back_.data(), *decay_back = decay_back_.data();
    switch (shape.solver) {
      case Solver::kEuler:
        each([&](std::size_t i) {
          const V rate_back = load(dts + i) * load(back + i);
          store(gain_back + i, rate_back);
          store(decay_back + i, -rate_back * load(start + i));
          store(back + i, load(back + i) - load(decay + i) * rate_back);
        });
        break;
      case Solver::kFused:
        each([&](std::size_t i) {
          const V dt = load(dts + i);
          const V share = load(back + i) / (dt * load(decay + i) + Real(1));
          store(gain_back + i, dt * share);
          store(decay_back + i, -dt * share * load(next + i));
          store(back + i, share);
        });
        break;
      default:
        if (!cell_.decay_is_constant()) set_shrink();
        each([&](std::size_t i) {
          const V b = load(back + i);
          store(gain_back + i, load(reach_.data() + i) * b);
          store(decay_back + i, (load(shrink_slope_.data() + i) * load(start + i) +
                                 load(reach_slope_.data() + i) * load(gain + i)) * b);
          store(back + i, load(shrink_.data() + i) * b);
        });
    }
    cell_.rates_back(batch_, trace.layer, decay, decay_back, gain_back, layer_back, post_back, back,
                     spare_.data(), vectors);
  }

  void retreat_rk4(Trace<Real> trace, Real* layer_back, Real* post_back, Real* back,
                   VectorGradients<Real> vectors) {
    const Shape& shape = cell_.shape();
    const std::size_t state_size = size(shape.state_row()), layer_size = size(shape.layer_row());
    const std::size_t post_size = size(shape.post_row());
    const Real *dts = dt_.data(), *decay = decay_.data();
    Real *gain_back = gain_back_.data(), *decay_back = decay_back_.data();
    Real *stage_back = state_back_.data(), *sum = sum_.data();
    __builtin_memcpy(sum, back, state_size * sizeof(Real));
    for (int stage = 3; stage >= 0; --stage) {
      const Trace<Real> here = at(trace, stage, state_size, layer_size, post_size);
      const Real weight = Real(kRkWeight[stage]);
      const Real reach = stage < 3 ? Real(kRkReach[stage + 1]) : Real(0);
      if (!cell_.decay_is_constant())
        cell_.rates(batch_, here.layer, here.post, decay_.data(), gain_.data());
      each([&](std::size_t i) {
        V rate_back = weight * load(back + i);
        if (stage < 3) rate_back += reach * load(stage_back + i);
        rate_back *= load(dts + i);
        store(gain_back + i, rate_back);
        store(decay_back + i, -rate_back * load(here.states + i));
        store(stage_back + i, -load(decay + i) * rate_back);
      });
      cell_.rates_back(batch_, here.layer, decay, decay_back, gain_back,
                       layer_back + stage * layer_size, post_back + stage * post_size, stage_back,
                       spare_.data(), vectors);
      add_to(sum, stage_back);
    }
    __builtin_memcpy(back, sum, state_size * sizeof(Real));
  }

  template <class Body>
  inline void each(Body body) const {
    const std::size_t n = size(cell_.shape().state_row());
    for (std::size_t i = 0; i < n; i += kWide) body(i);
  }
  void add_to(Real* to, const Real* from) const {
    each([&](std::size_t i) { store(to + i, load(to + i) + load(from + i)); });
  }

  CellEvaluator<Real> cell_;
  int batch_ = 0;
  // (batch)
  Block<Real> dts_;
  // (batch, row of the state)
  Block<Real> dt_, decay_, gain_, rate_, sum_, shrink_, reach_, shrink_slope_, reach_slope_;
  Block<Real> gain_back_, decay_back_, state_back_, spare_, scratch_states_;
  // (batch, row of the layer), (batch, row of the second layer)
  Block<Real> scratch_layer_, scratch_post_;
};
