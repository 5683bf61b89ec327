// A whole network one sample at a time.

template <class Real>
class NetworkStream final : public Stream<Real> {
  using V = Vector<Real>;
  static constexpr int kWide = kLanes<Real>;

 public:
  NetworkStream(const Shape& shape, const Weights<Real>& weights,
                const NetworkWeights<Real>& network)
      : shape_(shape), core_(shape, weights), head_(network.head) {
    const int segments = shape.layer_segments(), layer = shape.layer();
    const int layer_row = shape.layer_row(), unit_row = layer_row / segments;
    const int head_row = padded(head_), read = head_ ? head_ : shape.hidden;
    // The projections of the input by core and head are one product.
    input_.resize(network.features, layer_row + head_row);
    input_bias_.resize(layer_row + head_row);
    for (int segment = 0; segment < segments; ++segment)
      for (int unit = 0; unit < layer; ++unit)
        place(segment * unit_row + unit, segment * layer + unit, network.input, network.bias);
    for (int unit = 0; unit < head_; ++unit)
      place(layer_row + unit, unit, network.head_input, network.head_bias);
    head_hidden_.resize(head_ ? shape.hidden : 0, head_row);
    for (int unit = 0; unit < head_; ++unit)
      for (int i = 0; i < shape.hidden; ++i)
        head_hidden_.at(i)[unit] = network.head_hidden[unit * shape.hidden + i];
    outputs_ = network.outputs;
    readout_.resize(read, padded(outputs_));
    readout_bias_.resize(padded(outputs_));
    set_readout(network.readout, network.readout_bias);
    drive_.resize(layer_row + head_row);
    states_.resize(2 * static_cast<std::size_t>(shape.state_row()));
    phi_.resize(head_row);
    result_.resize(padded(outputs_));
  }

  void set_readout(const Real* weight, const Real* bias) override {
    for (int unit = 0; unit < outputs_; ++unit) {
      readout_bias_.data()[unit] = bias[unit];
      for (int i = 0; i < readout_.in; ++i)
        readout_.at(i)[unit] = weight[static_cast<std::size_t>(unit) * readout_.in + i];
    }
  }

  bool step(const Real* features, Real dt, int steps, Real* state, Real* outputs) override {
    const int n = shape_.state_row(), hidden = shape_.hidden;
    Real *now = states_.data(), *next = now + n;
    product(1, features, 0, input_, input_bias_.data(), 0, drive_.data(), 0);
    __builtin_memcpy(now, state, hidden * sizeof(Real));
    const Real part = dt / steps;
    for (int i = 0; i < steps; ++i) {
      if (i) __builtin_memcpy(now, next, n * sizeof(Real));
      core_.forward(1, 1, drive_.data(), &part, now, {nullptr, nullptr, nullptr});
    }
    const Real* read = next;
    if (head_) {
      Real* phi = phi_.data();
      product(1, next, 0, head_hidden_, drive_.data() + shape_.layer_row(), 0, phi, 0);
      for (int i = 0; i < padded(head_); i += kWide) {
        const V v = load(phi + i);
        store(phi + i, v * sigmoid_of(v));
      }
      read = phi;
    }
    product(1, read, 0, readout_, readout_bias_.data(), 0, result_.data(), 0);
    // x - x is 0 for finite x, else NaN.
    Real sum = 0;
    for (int i = 0; i < hidden; ++i) sum += next[i] - next[i];
    for (int i = 0; i < outputs_; ++i) sum += result_.data()[i] - result_.data()[i];
    __builtin_memcpy(outputs, result_.data(), outputs_ * sizeof(Real));
    if (sum != 0) return false;
    __builtin_memcpy(state, next, hidden * sizeof(Real));
    return true;
  }

 private:
  void place(int column, int unit, const Real* weights, const Real* bias) {
    input_bias_.data()[column] = bias[unit];
    for (int i = 0; i < input_.in; ++i)
      input_.at(i)[column] = weights[static_cast<std::size_t>(unit) * input_.in + i];
  }

  Shape shape_;
  SolverCore<Real> core_;
  int head_, outputs_;
  Layer<Real> input_, head_hidden_, readout_;
  Block<Real> input_bias_, readout_bias_, drive_, states_, phi_, result_;
};
