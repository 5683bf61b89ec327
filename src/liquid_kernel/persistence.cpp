#include "persistence.hpp"

#include <algorithm>
#include <cmath>

namespace liquid {

namespace {
constexpr double kTiny = 1e-12;
}

void learn_persistence(const PersistenceSettings& settings, int rows, int outputs,
                       const double* carried, const double* residual, const double* counts,
                       const PersistenceSums& sums) {
  const double floor = settings.noise_floor * settings.noise_floor;
  for (int o = 0; o < outputs; ++o) {
    double samples = 0.0, left = 0.0, cross = 0.0, square = 0.0;
    for (int i = o; i < rows * outputs; i += outputs) {
      if (!(counts[i] > 0.0) || std::isnan(carried[i]) || std::isnan(residual[i])) continue;
      samples += counts[i];
      left += counts[i] * residual[i] * residual[i];
      cross += counts[i] * carried[i] * residual[i];
      square += counts[i] * carried[i] * carried[i];
    }
    if (samples == 0.0) continue;
    const double variance_kept = std::exp(-samples / settings.variance_memory);
    const double fresh = std::max(left / std::max(samples, kTiny), floor);
    double& variance = sums.variance[o];
    variance = variance_kept * variance + (1.0 - variance_kept) * fresh;
    const double kept = std::exp(-samples / settings.persistence_memory);
    sums.cross[o] = kept * sums.cross[o] + cross / variance;
    sums.square[o] = kept * sums.square[o] + square / variance;
  }
}

void follow_residuals(const PersistenceSettings& settings, int rows, int outputs,
                      const double* stamp_s, const double* residual, const double* trust,
                      double* newest, double* labelled_s) {
  for (int o = 0; o < outputs; ++o) {
    double newest_s = labelled_s[o];
    for (int i = 0; i < rows; ++i)
      if (trust[i * outputs + o] > 0.0) newest_s = std::max(newest_s, stamp_s[i]);
    if (!(newest_s > labelled_s[o])) continue;
    double sum = 0.0, mean = 0.0, believed = 0.0;
    for (int i = 0; i < rows; ++i) {
      const double trusted = trust[i * outputs + o];
      if (!(trusted > 0.0)) continue;
      const double weight = std::exp((stamp_s[i] - newest_s) / settings.persistence_average_s);
      sum += weight;
      mean += weight * trusted * residual[i * outputs + o];
      believed += weight * trusted;
    }
    sum = std::max(sum, kTiny);
    const double fresh =
        1.0 - std::exp((labelled_s[o] - newest_s) / settings.persistence_average_s);
    newest[o] += fresh * (mean / sum - believed / sum * newest[o]);
    labelled_s[o] = newest_s;
  }
}

}  // namespace liquid
