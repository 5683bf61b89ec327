// The Python side of the kernels: arrays in, arrays out, sizes checked. Users call kernel.py and
// streaming.py, which say what the arrays are.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "core.hpp"
#include "pool.hpp"

using namespace liquid;

namespace {

// What a cell must have and may not have is known to kernel.py; here it is memory that is at stake.
void require(const char* name, bool needed, bool given) {
  if (needed && !given) throw std::invalid_argument(std::string(name) + " is missing");
}

template <class Real>
Weights<Real> weights_of(const Shape& shape, const Array<Real>& recurrent,
                         const std::optional<Array<Real>>& output,
                         const std::optional<Array<Real>>& output_bias,
                         const std::optional<Array<Real>>& decay,
                         const std::optional<Array<Real>>& conductance,
                         const std::optional<Array<Real>>& reversal, Real fastest_decay,
                         Real log_tau_range) {
  const py::ssize_t hidden = shape.hidden, layer = shape.layer();
  const py::ssize_t post = shape.post_segments() * hidden;
  require("output", post, output && output_bias);
  require("decay", shape.cell == Cell::kLiquidOde || shape.cell == Cell::kLtc, bool(decay));
  require("conductance", shape.cell == Cell::kLtc, conductance && reversal);
  return {read("recurrent", recurrent, shape.layer_segments() * layer * hidden),
          read("output", output, post * layer),
          read("output_bias", output_bias, post),
          read("decay", decay, hidden),
          read("conductance", conductance, hidden),
          read("reversal", reversal, hidden),
          fastest_decay,
          log_tau_range};
}

template <class Real>
class PyCore {
 public:
  PyCore(const Shape& shape, const Array<Real>& recurrent,
         const std::optional<Array<Real>>& output, const std::optional<Array<Real>>& output_bias,
         const std::optional<Array<Real>>& decay, const std::optional<Array<Real>>& conductance,
         const std::optional<Array<Real>>& reversal, Real fastest_decay, Real log_tau_range)
      : shape_(shape),
        core_(make_core<Real>(
            shape, weights_of<Real>(shape, recurrent, output, output_bias, decay, conductance,
                                    reversal, fastest_decay, log_tau_range))) {}

  void forward(const Array<Real>& drive, const Array<Real>& dts, Array<Real>& states,
               std::optional<Array<Real>> trace_states, std::optional<Array<Real>> trace_layer,
               std::optional<Array<Real>> trace_post) {
    const auto [time, batch] = window(dts);
    const py::ssize_t cells = time * batch, evaluations = cells * shape_.evaluations();
    const Real* u = read("drive", drive, cells * shape_.layer_row());
    Real* h = write("states", states, (time + 1) * batch * shape_.state_row());
    Trace<Real> trace{nullptr, nullptr, nullptr};
    if (trace_states && trace_layer && trace_post)
      trace = {write("trace_states", *trace_states, evaluations * shape_.state_row()),
               write("trace_layer", *trace_layer, evaluations * shape_.layer_row()),
               write("trace_post", *trace_post, evaluations * shape_.post_row())};
    const Real* dt = dts.data();
    py::gil_scoped_release release;
    core_->forward(static_cast<int>(time), static_cast<int>(batch), u, dt, h, trace);
  }

  void backward(const Array<Real>& dts, const Array<Real>& states, Array<Real>& trace_states,
                Array<Real>& trace_layer, Array<Real>& trace_post,
                const Array<Real>& state_gradients, Array<Real>& layer_gradients,
                Array<Real>& post_gradients, Array<Real>& start_gradient, Array<Real>& decay,
                Array<Real>& conductance, Array<Real>& reversal) {
    const auto [time, batch] = window(dts);
    const py::ssize_t cells = time * batch, evaluations = cells * shape_.evaluations();
    const int n = shape_.state_row();
    const Real* h = read("states", states, (time + 1) * batch * n);
    const Trace<Real> trace{
        write("trace_states", trace_states, evaluations * n),
        write("trace_layer", trace_layer, evaluations * shape_.layer_row()),
        write("trace_post", trace_post, evaluations * shape_.post_row())};
    const Real* gradients = read("state_gradients", state_gradients, cells * n);
    Real* layer = write("layer_gradients", layer_gradients, evaluations * shape_.layer_row());
    Real* post = write("post_gradients", post_gradients, evaluations * shape_.post_row());
    Real* start = write("start_gradient", start_gradient, batch * n);
    const VectorGradients<Real> vectors{write("decay", decay, n),
                                        write("conductance", conductance, n),
                                        write("reversal", reversal, n)};
    const Real* dt = dts.data();
    py::gil_scoped_release release;
    core_->backward(static_cast<int>(time), static_cast<int>(batch), dt, h, trace, gradients,
                    layer, post, start, vectors);
  }

 private:
  static std::pair<py::ssize_t, py::ssize_t> window(const Array<Real>& dts) {
    if (dts.ndim() != 2) throw std::invalid_argument("dts must be (time, batch)");
    return {dts.shape(0), dts.shape(1)};
  }

  Shape shape_;
  std::unique_ptr<Core<Real>> core_;
};

template <class Real>
class PyStream {
 public:
  PyStream(const Shape& shape, const Array<Real>& recurrent,
           const std::optional<Array<Real>>& output, const std::optional<Array<Real>>& output_bias,
           const std::optional<Array<Real>>& decay, const std::optional<Array<Real>>& conductance,
           const std::optional<Array<Real>>& reversal, Real fastest_decay, Real log_tau_range,
           const Array<Real>& input, const Array<Real>& bias,
           const std::optional<Array<Real>>& head_input,
           const std::optional<Array<Real>>& head_bias,
           const std::optional<Array<Real>>& head_hidden, const Array<Real>& readout,
           const Array<Real>& readout_bias)
      : hidden_(shape.hidden) {
    const py::ssize_t rows = shape.layer_segments() * shape.layer();
    check_size("bias", bias.size(), rows);
    features_ = static_cast<int>(input.size() / rows);
    outputs_ = static_cast<int>(readout_bias.size());
    const py::ssize_t head = head_bias ? head_bias->size() : 0;
    read_ = static_cast<int>(head ? head : hidden_);
    require("head", head, head_input && head_hidden);
    const NetworkWeights<Real> network{
        features_,
        static_cast<int>(head),
        outputs_,
        read("input", input, rows * features_),
        bias.data(),
        read("head_input", head_input, head * features_),
        head_bias ? head_bias->data() : nullptr,
        read("head_hidden", head_hidden, head * hidden_),
        read("readout", readout, outputs_ * read_),
        readout_bias.data()};
    stream_ = make_stream<Real>(shape,
                                weights_of<Real>(shape, recurrent, output, output_bias, decay,
                                                 conductance, reversal, fastest_decay,
                                                 log_tau_range),
                                network);
  }

  bool step(const Array<Real>& features, double dt, int steps, Array<Real>& state,
            Array<Real>& outputs) {
    return stream_->step(read("features", features, features_), static_cast<Real>(dt), steps,
                         write("state", state, hidden_), write("outputs", outputs, outputs_));
  }

  void set_readout(const Array<Real>& weight, const Array<Real>& bias) {
    stream_->set_readout(read("readout", weight, outputs_ * read_),
                         read("readout_bias", bias, outputs_));
  }

 private:
  int hidden_, features_ = 0, outputs_ = 0, read_ = 0;
  std::unique_ptr<Stream<Real>> stream_;
};

template <class Real>
Array<Real> empty(const std::vector<py::ssize_t>& shape) {
  std::size_t size = 1;
  for (const py::ssize_t length : shape) size *= static_cast<std::size_t>(length);
  void* block = Pool::instance().take(size * sizeof(Real));
  const py::capsule owner(block, [](void* p) { Pool::instance().give_back(p); });
  return Array<Real>(shape, static_cast<Real*>(block), owner);
}

template <class Real>
void bind(py::module_& module, const std::string& suffix) {
  const auto none = py::none();
  module.def(("empty" + suffix).c_str(), &empty<Real>, py::arg("shape"));
  py::class_<PyCore<Real>>(module, ("Core" + suffix).c_str())
      .def(py::init<const Shape&, const Array<Real>&, const std::optional<Array<Real>>&,
                    const std::optional<Array<Real>>&, const std::optional<Array<Real>>&,
                    const std::optional<Array<Real>>&, const std::optional<Array<Real>>&, Real,
                    Real>(),
           py::arg("shape"), py::arg("recurrent").noconvert(), py::arg("output") = none,
           py::arg("output_bias") = none, py::arg("decay") = none, py::arg("conductance") = none,
           py::arg("reversal") = none, py::arg("fastest_decay"), py::arg("log_tau_range"))
      .def("forward", &PyCore<Real>::forward, py::arg("drive").noconvert(),
           py::arg("dts").noconvert(), py::arg("states").noconvert(),
           py::arg("trace_states").noconvert() = none, py::arg("trace_layer").noconvert() = none,
           py::arg("trace_post").noconvert() = none)
      .def("backward", &PyCore<Real>::backward, py::arg("dts").noconvert(),
           py::arg("states").noconvert(), py::arg("trace_states").noconvert(),
           py::arg("trace_layer").noconvert(), py::arg("trace_post").noconvert(),
           py::arg("state_gradients").noconvert(), py::arg("layer_gradients").noconvert(),
           py::arg("post_gradients").noconvert(), py::arg("start_gradient").noconvert(),
           py::arg("decay").noconvert(), py::arg("conductance").noconvert(),
           py::arg("reversal").noconvert());
  py::class_<PyStream<Real>>(module, ("Stream" + suffix).c_str())
      .def(py::init<const Shape&, const Array<Real>&, const std::optional<Array<Real>>&,
                    const std::optional<Array<Real>>&, const std::optional<Array<Real>>&,
                    const std::optional<Array<Real>>&, const std::optional<Array<Real>>&, Real,
                    Real, const Array<Real>&, const Array<Real>&,
                    const std::optional<Array<Real>>&, const std::optional<Array<Real>>&,
                    const std::optional<Array<Real>>&, const Array<Real>&, const Array<Real>&>(),
           py::arg("shape"), py::arg("recurrent").noconvert(), py::arg("output") = none,
           py::arg("output_bias") = none, py::arg("decay") = none, py::arg("conductance") = none,
           py::arg("reversal") = none, py::arg("fastest_decay"), py::arg("log_tau_range"),
           py::arg("input"), py::arg("bias"), py::arg("head_input") = none,
           py::arg("head_bias") = none, py::arg("head_hidden") = none, py::arg("readout"),
           py::arg("readout_bias"))
      .def("step", &PyStream<Real>::step, py::arg("features").noconvert(), py::arg("dt"),
           py::arg("steps"), py::arg("state").noconvert(), py::arg("outputs").noconvert())
      .def("set_readout", &PyStream<Real>::set_readout, py::arg("weight").noconvert(),
           py::arg("bias").noconvert());
}

Shape shape_of(const std::string& cell, const std::string& solver, int hidden, int backbone,
               int substeps) {
  const py::dict cells(py::arg("liquid_ode") = int(Cell::kLiquidOde),
                       py::arg("liquid_tau") = int(Cell::kLiquidTau),
                       py::arg("ltc") = int(Cell::kLtc), py::arg("cfc") = int(Cell::kCfc));
  const py::dict solvers(py::arg("euler") = int(Solver::kEuler),
                         py::arg("rk4") = int(Solver::kRk4),
                         py::arg("exponential") = int(Solver::kExponential),
                         py::arg("fused") = int(Solver::kFused),
                         py::arg("closed_form") = int(Solver::kClosedForm));
  if (!cells.contains(cell) || !solvers.contains(solver))
    throw std::invalid_argument("no kernel for cell '" + cell + "' with solver '" + solver + "'");
  return {Cell(cells[cell.c_str()].cast<int>()), Solver(solvers[solver.c_str()].cast<int>()),
          hidden, backbone, substeps};
}

}  // namespace

PYBIND11_MODULE(_kernel, module) {
  module.doc() = "What is compiled; see kernel.py, streaming.py and ridge_bank.py.";
  module.def("instruction_set", &instruction_set);
  py::class_<Shape>(module, "Shape")
      .def(py::init(&shape_of), py::arg("cell"), py::arg("solver"), py::arg("hidden"),
           py::arg("backbone"), py::arg("substeps"))
      .def_property_readonly("evaluations", &Shape::evaluations)
      .def_property_readonly("layer", &Shape::layer)
      .def_property_readonly("layer_segments", &Shape::layer_segments)
      .def_property_readonly("layer_row", &Shape::layer_row)
      .def_property_readonly("post_segments", &Shape::post_segments)
      .def_property_readonly("post_row", &Shape::post_row)
      .def_property_readonly("state_row", &Shape::state_row);
  bind_readouts(module);
  bind<float>(module, "32");
  bind<double>(module, "64");
}
