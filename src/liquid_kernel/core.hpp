// The liquid core, compiled: what kernel.py and streaming.py call. One implementation for each
// instruction set (see kernels.cpp); this header is all that the rest knows of them.
//
// Every row of numbers is padded with room for whole vectors: padded(n) numbers hold n of them.
// A drive, an activation or an output may be several such rows side by side, its segments.
#pragma once

#include <cstddef>
#include <memory>

namespace liquid {

constexpr int kPad = 8;  // numbers: 32 bytes in float
constexpr int padded(int size) { return (size + kPad - 1) / kPad * kPad; }

enum class Cell { kLiquidOde, kLiquidTau, kLtc, kCfc };
enum class Solver { kEuler, kRk4, kExponential, kFused, kClosedForm };

// Sizes in numbers: of the state, and of the hidden layer of a CfC.
struct Shape {
  Cell cell;
  Solver solver;
  int hidden;
  int backbone;
  int substeps;  // solver steps for each sample

  int stages() const { return solver == Solver::kRk4 ? 4 : 1; }
  int evaluations() const { return stages() * substeps; }
  // The layer that sees input and state.
  int layer() const { return cell == Cell::kCfc ? backbone : hidden; }
  int layer_segments() const { return cell == Cell::kLiquidTau ? 2 : 1; }
  // What is computed from that layer by a second one; none in an LTC.
  int post_segments() const { return cell == Cell::kLtc ? 0 : cell == Cell::kCfc ? 4 : 1; }
  int state_row() const { return padded(hidden); }
  int layer_row() const { return layer_segments() * padded(layer()); }
  int post_row() const { return post_segments() * padded(hidden); }
};

// Row-major weights as Python has them, not padded; those that a cell lacks are null.
template <class Real>
struct Weights {
  const Real* recurrent;    // (layer_segments * layer, hidden)
  const Real* output;       // (post_segments * hidden, layer)
  const Real* output_bias;  // (post_segments * hidden)
  const Real* decay;        // (hidden) 1/tau; liquid_ode, ltc
  const Real* conductance;  // (hidden) largest rate of the synapses; ltc
  const Real* reversal;     // (hidden) ltc
  Real fastest_decay;       // 1/tau_min; liquid_tau
  Real log_tau_range;       // log(tau_max / tau_min); liquid_tau
};

// What a window leaves for its backward pass: (time, evaluations, batch, row) each.
template <class Real>
struct Trace {
  Real* states;  // before each evaluation
  Real* layer;   // activations
  Real* post;    // second layer; of a CfC its activations
};

// Gradients of the vectors among the weights, (hidden) each, added up over the window.
template <class Real>
struct VectorGradients {
  Real* decay;
  Real* conductance;
  Real* reversal;
};

template <class Real>
class Core {
 public:
  virtual ~Core() = default;

  // states: (time + 1, batch, state_row), the first of them given, the rest written.
  // drive: (time, batch, layer_row), the projected input. dts: (time, batch) [s].
  // trace: null members where no backward pass will follow.
  virtual void forward(int time, int batch, const Real* drive, const Real* dts, Real* states,
                       Trace<Real> trace) = 0;

  // state_gradients: (time, batch, state_row), dL/dh of the state after each sample.
  // layer_gradients, post_gradients: (time, evaluations, batch, row), written: cotangents of the
  // arguments of the first layer's activation and of the second layer before its own.
  // start_gradient: (batch, state_row), written: dL/dh of the state before the window.
  virtual void backward(int time, int batch, const Real* dts, const Real* states,
                        Trace<Real> trace, const Real* state_gradients, Real* layer_gradients,
                        Real* post_gradients, Real* start_gradient,
                        VectorGradients<Real> vectors) = 0;
};

// Everything around the core in one sample: row-major, not padded; `head` may be 0, then the
// readout reads the state and head_weight is null.
template <class Real>
struct NetworkWeights {
  int features, head, outputs;
  const Real* input;        // (layer_segments * layer, features)
  const Real* bias;         // (layer_segments * layer)
  const Real* head_input;   // (head, features)
  const Real* head_bias;    // (head)
  const Real* head_hidden;  // (head, hidden)
  const Real* readout;      // (outputs, head or hidden)
  const Real* readout_bias;
};

template <class Real>
class Stream {
 public:
  virtual ~Stream() = default;
  // Advances state (hidden) by dt [s] under features held over it, writes outputs (outputs).
  // Where any of the new numbers is not finite the state stays as it was; returns whether all were.
  virtual bool step(const Real* features, Real dt, int steps, Real* state, Real* outputs) = 0;
  // weight: (outputs, head or hidden), bias: (outputs); from the next step on.
  virtual void set_readout(const Real* weight, const Real* bias) = 0;
};

template <class Real>
std::unique_ptr<Core<Real>> make_core(const Shape& shape, const Weights<Real>& weights);

template <class Real>
std::unique_ptr<Stream<Real>> make_stream(const Shape& shape, const Weights<Real>& weights,
                                          const NetworkWeights<Real>& network);

// Name of the instruction set in use: "avx2" or "baseline".
const char* instruction_set();

}  // namespace liquid
