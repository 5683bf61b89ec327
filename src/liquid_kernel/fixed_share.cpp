#include "fixed_share.hpp"

#include <algorithm>
#include <cmath>

namespace liquid {

void share(int estimates, int outputs, const double* squared_errors, const double* variance,
           double samples, double loss_max, double share_per_sample, const double* shares,
           double* weights) {
  const double dealt = 1.0 - std::pow(1.0 - share_per_sample, samples);
  for (int o = 0; o < outputs; ++o) {
    double least = squared_errors[o], sum = 0.0;
    for (int k = 1; k < estimates; ++k) least = std::min(least, squared_errors[k * outputs + o]);
    const double unknown = std::max(variance[o], least);
    const auto loss = [&](double squared_error) {
      return samples * std::min(squared_error / (2.0 * unknown), loss_max);
    };
    for (int k = 0; k < estimates; ++k)
      sum += weights[k * outputs + o] *=
          std::exp(loss(least) - loss(squared_errors[k * outputs + o]));
    for (int k = 0; k < estimates; ++k) {
      double& weight = weights[k * outputs + o];
      weight = (1.0 - dealt) * weight / sum + dealt * shares[k];
    }
  }
}

}  // namespace liquid
