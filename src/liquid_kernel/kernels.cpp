// The kernels, compiled once for what every machine has and, on x86-64, once more with AVX2 and
// FMA; which of them runs is decided when they are made. (On ARM, NEON is what every machine has.)
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <type_traits>

#include "core.hpp"
#include "ridge.hpp"

namespace liquid {

namespace baseline {
#include "vectors.inl"
#include "cells.inl"
#include "solvers.inl"
#include "stream.inl"
#include "ridge.inl"
}  // namespace baseline

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LIQUID_HAS_AVX2
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {
#include "vectors.inl"
#include "cells.inl"
#include "solvers.inl"
#include "stream.inl"
#include "ridge.inl"
// Here, because templates get the instruction set of the place where they are instantiated.
template class NetworkStream<float>;
template class NetworkStream<double>;
}  // namespace avx2
#pragma GCC pop_options
#endif

namespace {
bool has_avx2() {
#ifdef LIQUID_HAS_AVX2
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}
}  // namespace

const char* instruction_set() { return has_avx2() ? "avx2" : "baseline"; }

template <class Real>
std::unique_ptr<Core<Real>> make_core(const Shape& shape, const Weights<Real>& weights) {
#ifdef LIQUID_HAS_AVX2
  if (has_avx2()) return std::make_unique<avx2::SolverCore<Real>>(shape, weights);
#endif
  return std::make_unique<baseline::SolverCore<Real>>(shape, weights);
}

template <class Real>
std::unique_ptr<Stream<Real>> make_stream(const Shape& shape, const Weights<Real>& weights,
                                          const NetworkWeights<Real>& network) {
#ifdef LIQUID_HAS_AVX2
  if (has_avx2()) return std::make_unique<avx2::NetworkStream<Real>>(shape, weights, network);
#endif
  return std::make_unique<baseline::NetworkStream<Real>>(shape, weights, network);
}

std::unique_ptr<Ridge> make_ridge() {
#ifdef LIQUID_HAS_AVX2
  if (has_avx2()) return std::make_unique<avx2::RidgeKernel>();
#endif
  return std::make_unique<baseline::RidgeKernel>();
}

template std::unique_ptr<Core<float>> make_core(const Shape&, const Weights<float>&);
template std::unique_ptr<Core<double>> make_core(const Shape&, const Weights<double>&);
template std::unique_ptr<Stream<float>> make_stream(const Shape&, const Weights<float>&,
                                                    const NetworkWeights<float>&);
template std::unique_ptr<Stream<double>> make_stream(const Shape&, const Weights<double>&,
                                                     const NetworkWeights<double>&);

}  // namespace liquid
