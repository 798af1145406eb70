// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
namespace KvmSharp.Conformance;

/// <summary>
/// What user space sees of a direct-map strategy and of upstream 6.18 differently: the strategies that take guest_memfd out of the direct map on
/// request offer GUEST_MEMFD_FLAG_NO_DIRECT_MAP, and say so. Nothing else differs; the list is in Documentation/conformance.md.
/// </summary>
internal static class PredictedDifference
{
    private const ulong NoDirectMap = 1 << 2;
    private const ulong KnownFlags = 7;
    private const ulong CapGuestMemfdFlags = 244;

    /// <summary>The difference's name in the list, or null if no strategy predicts it.</summary>
    /// <param name="strategy">Name of the strategy.</param>
    /// <param name="operation">The recorded line.</param>
    /// <param name="outcome">What the model answered under the strategy.</param>
    internal static string? Classify(string strategy, Operation operation, Outcome outcome)
    {
        if (strategy == "none")
            return null;
        switch (operation.Name)
        {
            case "kvm_create_guest_memfd":
                ulong flags = operation.U64("flags");
                bool refused = operation.Outputs.Any(o => o.Name == "errno" && o.Value.ValueKind == System.Text.Json.JsonValueKind.String && o.Value.GetString() == "EINVAL");
                return refused && outcome.Succeeded && (flags & NoDirectMap) != 0 && flags <= KnownFlags ? "flag" : null;
            case "kvm_check_extension":
                if (operation.U64("cap") != CapGuestMemfdFlags)
                    return null;
                ulong recorded = operation.Outputs.Where(o => o.Name == "ret").Select(o => o.Value.GetUInt64()).FirstOrDefault();
                return outcome["ret"] is long answer && (ulong)answer == (recorded | NoDirectMap) && (recorded & NoDirectMap) == 0 ? "capability" : null;
            default:
                return null;
        }
    }
}
