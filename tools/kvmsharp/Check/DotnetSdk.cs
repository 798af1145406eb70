// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Diagnostics;

namespace KvmSharp.Tools.Check;

/// <summary>Runs the SDK that belongs to a folder, without leaving a process behind.</summary>
internal static class DotnetSdk
{
    /// <summary>Runs <c>dotnet</c> to its end.</summary>
    /// <returns>Exit code, and both streams' text.</returns>
    /// <exception cref="BadInputException">There is no <c>dotnet</c> to run.</exception>
    internal static (int Exit, string Output) Run(string folder, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet")
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);

        // Under `dotnet run` the outer MSBuild's variables would choose the SDK; the checked folder's global.json is to choose it.
        foreach (string name in start.Environment.Keys.Where(static key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Start(start);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.Result + error.Result);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new BadInputException($"check needs the .NET SDK: '{start.FileName}' cannot be run ({missing.Message})");
        }
    }
}
