// SPDX-License-Identifier: MIT
// KvmSharp only; no upstream counterpart.

namespace KvmSharp.Analyzers.Tests;

/// <summary>A build that must fail, to prove that the analyzers of this tree really run in the compiler of the SDK.</summary>
[TestFixture]
[Category("Canary")]
[NonParallelizable]
public sealed partial class CanaryTests
{
    [Test]
    public void TheCanaryDoesNotBuild()
    {
        string folder = Path.Combine(Dotnet.Root, "tests", "KvmSharp.Analyzers.Canary");
        (int exit, string output) = Dotnet.Run(folder, "build", "-c", Dotnet.Configuration, "-p:BuildProjectReferences=false", "--no-incremental");
        var found = Dotnet.Diagnostics(output).Select(diagnostic => (diagnostic.Severity, diagnostic.Id)).Distinct();
        Assert.That(exit, Is.Not.Zero, output);
        Assert.That(found, Is.EquivalentTo(new[] { ("error", "KS1002"), ("error", "KS2001"), ("error", "KS4001"), ("error", "KS9001") }), output);
    }

    /// <summary>Which projects the tree's own rules check: all that mirror Linux, the machine, and the tools.</summary>
    [TestCase("machine/KvmSharp.Machine.csproj")]
    [TestCase("kernel/KvmSharp.Kernel.csproj")]
    [TestCase("arch/x86/KvmSharp.Arch.X86.csproj")]
    [TestCase("arch/arm64/KvmSharp.Arch.Arm64.csproj")]
    [TestCase("init/KvmSharp.Init.csproj")]
    [TestCase("tools/kvmsharp/kvmsharp.csproj")]
    [TestCase("tools/conformance/KvmSharp.Conformance.csproj")]
    [TestCase("tools/vmm/KvmSharp.Vmm.csproj")]
    [TestCase("tests/KvmSharp.Analyzers.Canary/KvmSharp.Analyzers.Canary.csproj")]
    public void IsCheckedLikeTheCanary(string project)
    {
        (int exit, string output) = Dotnet.Run(
            Dotnet.Root, "msbuild", project, "-getItem:ProjectReference", "-getProperty:TreatWarningsAsErrors", "-getProperty:WarningsNotAsErrors", "-getProperty:NoWarn");
        Assert.That(exit, Is.Zero, output);
        using var answer = System.Text.Json.JsonDocument.Parse(output);
        System.Text.Json.JsonElement properties = answer.RootElement.GetProperty("Properties");
        var analyzers = answer.RootElement.GetProperty("Items").GetProperty("ProjectReference").EnumerateArray()
            .Where(reference => reference.TryGetProperty("OutputItemType", out System.Text.Json.JsonElement type) && type.GetString() == "Analyzer")
            .Select(reference => Path.GetFileName(reference.GetProperty("Identity").GetString()));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(analyzers, Is.EqualTo(new[] { "KvmSharp.Analyzers.csproj" }));
            Assert.That(properties.GetProperty("TreatWarningsAsErrors").GetString(), Is.EqualTo("true"));
            Assert.That(properties.GetProperty("WarningsNotAsErrors").GetString(), Does.Not.Contain("KS"));
            Assert.That(properties.GetProperty("NoWarn").GetString(), Does.Not.Contain("KS"));
        }
    }

    /// <summary>No pragma, attribute or configuration takes a rule away from the tree; what the analysis cannot express is marked [ContextUnsafe].</summary>
    [Test]
    public void NothingOfTheTreeIsSuppressed()
    {
        var suppressions = Directory.EnumerateFiles(Dotnet.Root, "*", SearchOption.AllDirectories)
            .Where(static file => Path.GetExtension(file) is ".cs" or ".editorconfig" or ".globalconfig" or ".props" or ".targets" or ".csproj")
            .Select(static file => Path.GetRelativePath(Dotnet.Root, file).Replace('\\', '/'))
            .Where(static file => !file.StartsWith("tests/", StringComparison.Ordinal) && !file.StartsWith("analyzers/", StringComparison.Ordinal) && !file.Contains("/obj/", StringComparison.Ordinal))
            .Where(static file => Suppression().IsMatch(File.ReadAllText(Path.Combine(Dotnet.Root, file))));
        Assert.That(suppressions, Is.Empty);
    }

    [System.Text.RegularExpressions.GeneratedRegex(@"#pragma warning disable.*KS\d|SuppressMessage\([^)]*KS\d|dotnet_diagnostic\.KS\d+\.severity|(NoWarn|WarningsNotAsErrors)>[^<]*KS\d")]
    private static partial System.Text.RegularExpressions.Regex Suppression();
}
