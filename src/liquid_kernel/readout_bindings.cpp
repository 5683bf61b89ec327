// The Python side of the readout's estimates. Users call ridge_bank.py, world_bank.py,
// output_group.py and fixed_share.py, which say what the arrays are.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "fixed_share.hpp"
#include "label_gate.hpp"
#include "persistence.hpp"
#include "ridge.hpp"

namespace liquid {

namespace {

int size_of(py::ssize_t size) { return static_cast<int>(size); }

class PyRidge {
 public:
  void learn(Array<double>& sums, const Array<double>& memories, const Array<double>& phi,
             const Array<double>& residual, const Array<double>& ages,
             const Array<double>& counts) {
    const RidgeShape shape = shape_of_sums(sums);
    const py::ssize_t rows = ages.size();
    kernel_->learn(shape, read("memories", memories, shape.estimates), size_of(rows),
                   read("phi", phi, rows * shape.features),
                   read("residual", residual, rows * shape.outputs), ages.data(),
                   read("counts", counts, rows), sums.mutable_data());
  }

  Array<double> solve(const Array<double>& sums, const Array<double>& strengths,
                      const Array<double>& prior, double jitter,
                      const std::optional<Array<double>>& phi,
                      const std::optional<Array<double>>& residual,
                      const std::optional<Array<double>>& counts) {
    const RidgeShape shape = shape_of_sums(sums);
    const py::ssize_t rows = counts ? counts->size() : 0;
    if (rows && !(phi && residual))
      throw std::invalid_argument("counts need phi and residual");
    Array<double> corrections({shape.estimates, shape.features, shape.outputs});
    kernel_->solve(shape, read("strengths", strengths, shape.estimates),
                   read("prior", prior, py::ssize_t(shape.features) * shape.features), jitter,
                   sums.data(), size_of(rows), read("phi", phi, rows * shape.features),
                   read("residual", residual, rows * shape.outputs),
                   counts ? counts->data() : nullptr, corrections.mutable_data());
    return corrections;
  }

  // Labels as samples of a regression for the coordinates: (phi, residual, ages, counts) of each
  // known one, a sample's labels one after the other.
  py::tuple project(const Array<double>& directions, const Array<double>& noise,
                    const Array<double>& phi, const Array<double>& residual,
                    const Array<double>& ages, const Array<double>& counts) const {
    if (directions.ndim() != 3)
      throw std::invalid_argument("directions must be (outputs, features, coordinates)");
    const py::ssize_t outputs = directions.shape(0), features = directions.shape(1);
    const py::ssize_t coordinates = directions.shape(2), rows = ages.size();
    read("phi", phi, rows * features);
    read("residual", residual, rows * outputs);
    read("counts", counts, rows * outputs);
    read("noise", noise, outputs);
    py::ssize_t known = 0;
    for (py::ssize_t i = 0; i < residual.size(); ++i) known += !std::isnan(residual.data()[i]);
    Array<double> projected({known, coordinates}), wanted({known, py::ssize_t(1)});
    Array<double> label_ages(known), label_counts(known);
    py::ssize_t to = 0;
    for (py::ssize_t i = 0; i < rows; ++i)
      for (py::ssize_t o = 0; o < outputs; ++o) {
        const double left = residual.data()[i * outputs + o];
        if (std::isnan(left)) continue;
        kernel_->project(size_of(features), size_of(coordinates),
                         directions.data() + o * features * coordinates,
                         phi.data() + i * features,
                         projected.mutable_data() + to * coordinates);
        wanted.mutable_data()[to] = left / noise.data()[o];
        label_ages.mutable_data()[to] = ages.data()[i] / static_cast<double>(outputs);
        label_counts.mutable_data()[to++] = counts.data()[i * outputs + o];
      }
    return py::make_tuple(projected, wanted, label_ages, label_counts);
  }

 private:
  static RidgeShape shape_of_sums(const Array<double>& sums) {
    if (sums.ndim() != 3 || sums.shape(2) <= sums.shape(1))
      throw std::invalid_argument("sums must be (estimates, features, features + outputs)");
    return {size_of(sums.shape(0)), size_of(sums.shape(1)),
            size_of(sums.shape(2) - sums.shape(1))};
  }

  std::unique_ptr<Ridge> kernel_ = make_ridge();
};

void py_share(const Array<double>& squared_errors, const Array<double>& variance, double samples,
              double unseen, double loss_max, double share_per_sample, const Array<double>& shares,
              Array<double>& weights) {
  const py::ssize_t estimates = shares.size(), outputs = variance.size();
  share(size_of(estimates), size_of(outputs),
        read("squared_errors", squared_errors, estimates * outputs), variance.data(), samples,
        unseen, loss_max, share_per_sample, shares.data(),
        write("weights", weights, estimates * outputs));
}

class PyLabelGate {
 public:
  PyLabelGate(const Array<std::int32_t>& columns, int estimates, double gate, double gate_memory,
              double noise_floor, double variance_memory, double jump_ratio)
      : estimates_(estimates),
        outputs_(columns.size()),
        gate_(std::vector<int>(columns.data(), columns.data() + columns.size()),
              {gate, gate_memory, noise_floor, variance_memory, jump_ratio}) {
    if (!outputs_ || estimates < 1)
      throw std::invalid_argument("there must be an output and an estimate");
  }

  py::tuple weigh(const Array<double>& target, const Array<double>& predicted,
                  const Array<double>& independent, const Array<double>& phi, double apart,
                  const Array<double>& weights, Array<double>& variance, Array<double>& quiet,
                  Array<double>& remembered, Array<double>& outliers, const Array<double>& usual) {
    const LabelledSamples labels = samples(target, predicted, independent);
    if (phi.ndim() != 2) throw std::invalid_argument("phi must be (rows, features)");
    if (!outliers.size()) throw std::invalid_argument("outliers must remember a label");
    check_size("usual", usual.size() % outputs_, 0);
    std::vector<double> newest(usual.data(), usual.data() + usual.size());
    Array<double> trust(independent.size()), squared_errors({estimates_, outputs_});
    const Weighed weighed =
        gate_.weigh(labels, read("phi", phi, labels.rows * phi.shape(1)), size_of(phi.shape(1)),
                    apart, read("weights", weights, estimates_ * outputs_),
                    {write("variance", variance, outputs_), write("quiet", quiet, outputs_),
                     write("remembered", remembered, 1), outliers.mutable_data(),
                     size_of(outliers.size()), newest},
                    trust.mutable_data(), squared_errors.mutable_data());
    Array<double> kept({py::ssize_t(newest.size()) / outputs_, outputs_});
    std::copy(newest.begin(), newest.end(), kept.mutable_data());
    return py::make_tuple(trust, squared_errors, weighed.samples, weighed.jumped, kept);
  }

  py::tuple compare(const Array<double>& target, const Array<double>& predicted,
                    const Array<double>& independent) const {
    const LabelledSamples labels = samples(target, predicted, independent);
    Array<double> counts(independent.size()), squared_errors({estimates_, outputs_});
    const double samples =
        gate_.compare(labels, counts.mutable_data(), squared_errors.mutable_data());
    return py::make_tuple(counts, squared_errors, samples);
  }

 private:
  LabelledSamples samples(const Array<double>& target, const Array<double>& predicted,
                          const Array<double>& independent) const {
    if (target.ndim() != 2) throw std::invalid_argument("target must be (rows, outputs)");
    const py::ssize_t rows = target.shape(0), all = target.shape(1);
    for (const int column : gate_.columns())
      if (column < 0 || column >= all)
        throw std::invalid_argument("target has " + std::to_string(all) + " outputs, one is " +
                                    std::to_string(column));
    return {size_of(rows),
            size_of(estimates_),
            size_of(all),
            target.data(),
            read("predicted", predicted, rows * estimates_ * all),
            read("independent", independent, rows)};
  }

  py::ssize_t estimates_, outputs_;
  LabelGate gate_;
};

PersistenceSettings persistence_settings(double noise_floor, double variance_memory,
                                         double persistence_memory,
                                         double persistence_average_s) {
  return {noise_floor, variance_memory, persistence_memory, persistence_average_s};
}

void py_learn_persistence(const PersistenceSettings& settings, const Array<double>& carried,
                          const Array<double>& residual, const Array<double>& counts,
                          Array<double>& cross, Array<double>& square, Array<double>& variance) {
  const py::ssize_t outputs = cross.size(), rows = counts.size() / std::max<py::ssize_t>(outputs, 1);
  learn_persistence(settings, size_of(rows), size_of(outputs),
                    read("carried", carried, rows * outputs),
                    read("residual", residual, rows * outputs),
                    read("counts", counts, rows * outputs),
                    {cross.mutable_data(), write("square", square, outputs),
                     write("variance", variance, outputs)});
}

void py_follow_residuals(const PersistenceSettings& settings, const Array<double>& stamp_s,
                         const Array<double>& residual, const Array<double>& trust,
                         Array<double>& newest, Array<double>& labelled_s) {
  const py::ssize_t outputs = newest.size(), rows = stamp_s.size();
  follow_residuals(settings, size_of(rows), size_of(outputs), stamp_s.data(),
                   read("residual", residual, rows * outputs),
                   read("trust", trust, rows * outputs), newest.mutable_data(),
                   write("labelled_s", labelled_s, outputs));
}

}  // namespace

void bind_readouts(py::module_& module) {
  const auto none = py::none();
  py::class_<PyRidge>(module, "Ridge")
      .def(py::init<>())
      .def("learn", &PyRidge::learn, py::arg("sums").noconvert(), py::arg("memories"),
           py::arg("phi"), py::arg("residual"), py::arg("ages"), py::arg("counts"))
      .def("solve", &PyRidge::solve, py::arg("sums").noconvert(), py::arg("strengths"),
           py::arg("prior"), py::arg("jitter"), py::arg("phi") = none, py::arg("residual") = none,
           py::arg("counts") = none)
      .def("project", &PyRidge::project, py::arg("directions").noconvert(), py::arg("noise"),
           py::arg("phi"), py::arg("residual"), py::arg("ages"), py::arg("counts"));
  module.def("share", &py_share, py::arg("squared_errors"), py::arg("variance"),
             py::arg("samples"), py::arg("unseen"), py::arg("loss_max"),
             py::arg("share_per_sample"), py::arg("shares"), py::arg("weights").noconvert());
  py::class_<PyLabelGate>(module, "LabelGate")
      .def(py::init<const Array<std::int32_t>&, int, double, double, double, double, double>(),
           py::arg("columns"), py::arg("estimates"), py::kw_only(), py::arg("gate"),
           py::arg("gate_memory"), py::arg("noise_floor"), py::arg("variance_memory"),
           py::arg("jump_ratio"))
      .def("weigh", &PyLabelGate::weigh, py::arg("target"), py::arg("predicted"),
           py::arg("independent"), py::arg("phi"), py::arg("apart"), py::arg("weights"),
           py::arg("variance").noconvert(), py::arg("quiet").noconvert(),
           py::arg("remembered").noconvert(), py::arg("outliers").noconvert(), py::arg("usual"))
      .def("compare", &PyLabelGate::compare, py::arg("target"), py::arg("predicted"),
           py::arg("independent"));
  py::class_<PersistenceSettings>(module, "PersistenceSettings")
      .def(py::init(&persistence_settings), py::kw_only(), py::arg("noise_floor"),
           py::arg("variance_memory"), py::arg("persistence_memory"),
           py::arg("persistence_average_s"));
  module.def("learn_persistence", &py_learn_persistence, py::arg("settings"), py::arg("carried"),
             py::arg("residual"), py::arg("counts"), py::arg("cross").noconvert(),
             py::arg("square").noconvert(), py::arg("variance").noconvert());
  module.def("follow_residuals", &py_follow_residuals, py::arg("settings"), py::arg("stamp_s"),
             py::arg("residual"), py::arg("trust"), py::arg("newest").noconvert(),
             py::arg("labelled_s").noconvert());
}

}  // namespace liquid
