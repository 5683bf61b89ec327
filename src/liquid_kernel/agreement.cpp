#include "agreement.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace liquid {

namespace {

// Less likely than this, two labels are no outliers.
constexpr double kUnlikely = 2e-4;
// Before there are labels one in so many is taken for an outlier.
constexpr double kOneIn = 10.0;
// An outlier counts among those of a size from this part of it on.
constexpr double kAlike = 0.5;
constexpr double kTiny = 1e-12;

double rms(const double* error, std::size_t outputs) {
  double sum = 0.0;
  for (std::size_t o = 0; o < outputs; ++o) sum += error[o] * error[o];
  return std::sqrt(sum / static_cast<double>(outputs));
}

// Share of labels that were outliers of at least this size.
double share(const double* outliers, int outlier_labels, double size) {
  double known = 0.0, larger = 0.0;
  for (int i = 0; i < outlier_labels; ++i) {
    if (outliers[i] < 0.0) continue;
    known += 1.0;
    larger += outliers[i] >= size ? 1.0 : 0.0;
  }
  return (larger + 1.0) / (known + kOneIn);
}

}  // namespace

bool Agreement::take(const double* error, const double* spread, int outputs, const double* phi,
                     int features, bool is_far, double* outliers, int outlier_labels) {
  double before = 0.0;
  bool agrees = false;
  if (!error_.empty()) {
    before = rms(error_.data(), error_.size());
    const double size = std::min(before, rms(error, error_.size()));
    const double rate = share(outliers, outlier_labels, kAlike * size);
    agrees = is_far && rate * rate * chance(error, spread, phi) < kUnlikely;
  }
  if (has_begun_) {
    std::copy(outliers + 1, outliers + outlier_labels, outliers);
    outliers[outlier_labels - 1] = agrees || agreed_ ? 0.0 : before;
  }
  has_begun_ = true;
  agreed_ = agrees;
  error_.clear();
  if (is_far) {
    error_.assign(error, error + outputs);
    phi_.assign(phi, phi + features);
  }
  return agrees;
}

void Agreement::forget() {
  error_.clear();
  has_begun_ = agreed_ = false;
}

// That two unrelated errors come as near.
double Agreement::chance(const double* error, const double* spread, const double* phi) const {
  double common = 0.0, own = 0.0;
  for (std::size_t p = 0; p < phi_.size(); ++p) {
    common += phi[p] * phi_[p];
    own += phi_[p] * phi_[p];
  }
  const double told = common / std::max(own, kTiny);
  double off = 0.0, sum = 0.0, sum_of_squares = 0.0;
  for (std::size_t o = 0; o < error_.size(); ++o) {
    const double before = error_[o] / spread[o], now = error[o] / spread[o];
    const double square = 0.5 * (before * before + now * now);
    off += (now - told * before) * (now - told * before);
    sum += square;
    sum_of_squares += square * square;
  }
  const double spread_over = sum * sum / std::max(sum_of_squares, kTiny);
  return std::min(std::pow(off / std::max(sum, kTiny), 0.5 * spread_over), 1.0);
}

}  // namespace liquid
