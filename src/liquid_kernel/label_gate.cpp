#include "label_gate.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace liquid {

namespace {

// Of a normal distribution, by the median of what it deviates.
constexpr double kMadToSigma = 1.4826;
// How many labels say what is usual. Where one label of ten is an outlier, most of the newest nine
// are once in a thousand labels, most of the newest five once in a hundred. Where labels are rare,
// no more than come in this time [independent samples]: a change is to be believed soon.
constexpr int kFewestLabels = 5, kEnoughLabels = 9;
constexpr double kLongest = 14.0;
// How near an estimate has to be to explain a label, in parts of the gate: outliers are near one of
// several by chance, and the less often the nearer they have to be.
constexpr double kExplained = 0.5;
// No label counts as less than this.
constexpr double kLeastIndependent = 0.01;
constexpr double kTiny = 1e-12;

const double* target_of(const LabelledSamples& labels, int row) {
  return labels.target + static_cast<std::size_t>(row) * labels.outputs;
}

const double* predicted_of(const LabelledSamples& labels, int row) {
  return labels.predicted + static_cast<std::size_t>(row) * labels.estimates * labels.outputs;
}

}  // namespace

Weighed LabelGate::weigh(const LabelledSamples& labels, double unseen, const double* weights,
                         double* variance, double* quiet, double* remembered,
                         std::vector<double>& usual, double* trust, double* squared_errors) {
  const auto is_known = [&](int i) { return !std::isnan(target_of(labels, i)[columns_[0]]); };
  // What the mixture leaves of each label.
  error_.clear();
  double samples = 0.0;
  int known = 0;
  for (int i = 0; i < labels.rows; ++i) {
    trust[i] = 0.0;
    if (!is_known(i)) continue;
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    for (int o = 0; o < size(); ++o) {
      double left = 0.0;
      for (int k = 0; k < labels.estimates; ++k)
        left += weights[k * size() + o] *
                (target[columns_[o]] - predicted[k * labels.outputs + columns_[o]]);
      error_.push_back(std::abs(left));
    }
    samples += labels.independent[i];
    ++known;
  }
  if (!known) return {0.0, false};
  // What is usual: the median of the newest ones.
  const double length = std::max(samples / known, kLeastIndependent);
  // An odd number, of which more than half have to be far off.
  const int within = static_cast<int>(std::lrint(kLongest / (1.0 + unseen))) | 1;
  const int newest = std::max(std::clamp(within, kFewestLabels, kEnoughLabels),
                              static_cast<int>(std::lrint(settings_.gate_memory / length)));
  usual.insert(usual.end(), error_.begin(), error_.end());
  const std::size_t room = static_cast<std::size_t>(newest) * size();
  if (usual.size() > room) usual.erase(usual.begin(), usual.end() - static_cast<long>(room));
  median(usual);
  // A label that is further off counts less, with the inverse square, unless one of the estimates
  // explains it: the world may have become what it was.
  counts_.assign(labels.rows, 0.0);
  double trusted = 0.0;
  const double* error = error_.data();
  for (int i = 0; i < labels.rows; ++i) {
    if (!is_known(i)) continue;
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    double bound = nearness(settings_.gate, [&](int o) { return error[o]; });
    for (int k = 0; bound < 1.0 && k < labels.estimates; ++k, predicted += labels.outputs)
      bound = std::max(bound, nearness(kExplained * settings_.gate, [&](int o) {
        return std::abs(target[columns_[o]] - predicted[columns_[o]]);
      }));
    error += size();
    trust[i] = bound * bound;
    trusted += trust[i];
    counts_[i] = trust[i] * labels.independent[i];
  }
  mean_squares(labels, counts_.data(), squared_errors);
  const double floor = settings_.noise_floor * settings_.noise_floor;
  const double kept = std::exp(-samples / settings_.variance_memory);
  *remembered = kept * *remembered + samples;
  const double gain = samples / std::max(*remembered, kTiny);  // the first ones are averaged
  bool jumped = false;
  for (int o = 0; o < size(); ++o) {
    double best = squared_errors[o];
    for (int k = 1; k < labels.estimates; ++k)
      best = std::min(best, squared_errors[k * size() + o]);
    const double fresh = std::min(std::max(best, floor), 4.0 * variance[o]);
    variance[o] += gain * (fresh - variance[o]);
    median_[o] = std::max(median_[o], settings_.noise_floor);
    jumped |= median_[o] > settings_.jump_ratio * quiet[o];  // as no drift makes it grow
  }
  for (int o = 0; o < size(); ++o)
    quiet[o] = jumped ? median_[o] : kept * quiet[o] + (1.0 - kept) * median_[o];
  return {samples * trusted / known, jumped};
}

double LabelGate::compare(const LabelledSamples& labels, double* counts,
                          double* squared_errors) const {
  double samples = 0.0;
  for (int i = 0; i < labels.rows; ++i) {
    const double* target = target_of(labels, i);
    counts[i] = labels.independent[i];
    for (const int column : columns_)
      if (std::isnan(target[column])) counts[i] = 0.0;
    samples += counts[i];
  }
  if (samples > 0.0) mean_squares(labels, counts, squared_errors);
  return samples;
}

template <class Error>
double LabelGate::nearness(double gate, const Error& error) const {
  double bound = 1.0;
  for (int o = 0; o < size(); ++o) {
    const double spread = std::max(kMadToSigma * median_[o], settings_.noise_floor);
    bound = std::min(bound, gate * spread / std::max(error(o), kTiny));
  }
  return bound;
}

// median_ (group) of errors (any, group).
void LabelGate::median(const std::vector<double>& usual) {
  const std::size_t count = usual.size() / columns_.size();
  median_.resize(columns_.size());
  sorted_.resize(count);
  for (std::size_t o = 0; o < columns_.size(); ++o) {
    for (std::size_t i = 0; i < count; ++i) sorted_[i] = usual[i * columns_.size() + o];
    std::sort(sorted_.begin(), sorted_.end());
    median_[o] = 0.5 * (sorted_[(count - 1) / 2] + sorted_[count / 2]);
  }
}

void LabelGate::mean_squares(const LabelledSamples& labels, const double* counts,
                             double* squared_errors) const {
  double* const end = squared_errors + static_cast<std::size_t>(labels.estimates) * size();
  std::fill(squared_errors, end, 0.0);
  double sum = 0.0;
  for (int i = 0; i < labels.rows; ++i) {
    if (counts[i] == 0.0) continue;
    sum += counts[i];
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    for (int k = 0; k < labels.estimates; ++k, predicted += labels.outputs)
      for (int o = 0; o < size(); ++o) {
        const double error = target[columns_[o]] - predicted[columns_[o]];
        squared_errors[k * size() + o] += counts[i] * error * error;
      }
  }
  for (double* value = squared_errors; value < end; ++value) *value /= sum;
}

}  // namespace liquid
