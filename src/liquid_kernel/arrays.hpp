// Arrays from Python, sizes checked.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>

namespace liquid {

namespace py = pybind11;

template <class Real>
using Array = py::array_t<Real, py::array::c_style>;

inline void check_size(const char* name, py::ssize_t size, py::ssize_t expected) {
  if (size != expected)
    throw std::invalid_argument(std::string(name) + " has " + std::to_string(size) +
                                " numbers, expected " + std::to_string(expected));
}

template <class Real>
const Real* read(const char* name, const Array<Real>& array, py::ssize_t expected) {
  check_size(name, array.size(), expected);
  return array.data();
}

template <class Real>
Real* write(const char* name, Array<Real>& array, py::ssize_t expected) {
  check_size(name, array.size(), expected);
  return array.mutable_data();
}

// Null where there is none.
template <class Real>
const Real* read(const char* name, const std::optional<Array<Real>>& array,
                 py::ssize_t expected) {
  return array ? read(name, *array, expected) : nullptr;
}

// The Python side of what adapts the readout: ridge.hpp, label_gate.hpp, fixed_share.hpp and
// persistence.hpp.
void bind_readouts(py::module_& module);

}  // namespace liquid
